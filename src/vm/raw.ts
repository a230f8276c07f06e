/** An object of JSON that nobody promised. */
export type Json = Record<string, unknown>

/** The value as an object; anything else is an empty one. */
export function dict(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

/** The value as a list; anything else is an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The value as a text; anything else is an empty one. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
