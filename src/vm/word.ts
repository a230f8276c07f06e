/** Words that are remembered: those beyond them are packed as they are. */
export const MAX_WORDS = 16_384
/** Characters of a word. Shorter ones take less as they are; uids are not remembered, and longer ones seldom come again. */
export const SHORTEST_WORD = 3
export const LONGEST_WORD = 96
const UID = 36

/** What this process has learned of the texts that it packs. Only ever more, and bounded. */
const words: string[] = []
const numbers = new Map<string, number>()

/** How many more different words of one field are remembered: of one that has more, each is the only one of its kind. */
export interface Room {
  room: number
}

/** The number of a word, which may be learned by this; null for a text that is none. */
export function wordNumber(text: string, field: Room): number | null {
  const { length } = text
  if (length === UID || length > LONGEST_WORD) return null
  const known = numbers.get(text)
  if (known !== undefined) return known
  if (field.room === 0 || words.length >= MAX_WORDS) return null
  field.room -= 1
  const number = words.push(text) - 1
  numbers.set(text, number)
  return number
}

/** The number of a word that was learned; undefined for any other text. */
export function knownWord(text: string): number | undefined {
  return numbers.get(text)
}

/** The word of a number. */
export function wordAt(number: number): string {
  return words[number] as string
}

/** As long as a uid is: such a text hardly ever comes again. */
export function isUid(text: string): boolean {
  return text.length === UID
}
