/**
 * The one string of its text that V8 keeps, as it does with names of properties: many maps with the same keys hold each key once. It is
 * flat, and holds nothing of what it was put together from.
 */
export function sole(text: string): string {
  for (const name in { [text]: true }) return name
  return text
}
