import { type Field, type Form, formAt, formOf, isLeftOut, ROOT } from './form.ts'
import { knownWord, SHORTEST_WORD, wordAt, wordNumber } from './word.ts'

/**
 * A value of JSON in little room: what a map of many alike holds of each. A string of text; with long texts beside it, which are shared
 * with whoever holds them too. Of use within one process only, and to `unpack` alone.
 */
export type Packed = string | readonly [text: string, ...long: string[]]

/** Longer texts are kept beside. */
const LONGEST = 256
/** What is everywhere, by its token; the last is an empty array. */
const CONSTANTS = ['', false, true, null] as const
const EMPTY = CONSTANTS.length
/** The first tokens of texts that come again in a value, and of words. */
const FIRST_AGAIN = EMPTY + 1
/** Strings of one value that are found again in it: as many as there are tokens before those of words. */
const MAX_AGAIN = 995
const FIRST_WORD = FIRST_AGAIN + MAX_AGAIN
/** Fields of which one number tells whether they are as usual. */
const MASKED = 30

/**
 * Packs a value of JSON: what JSON.stringify makes of it comes back from `unpack`, with keys in the same order. `key` is a string that the
 * value may have in it, and who unpacks it has.
 *
 * It becomes one flat array as JSON, in the order in which the value is read:
 *
 * | token     | is                                                                                       |
 * |-----------|------------------------------------------------------------------------------------------|
 * | string    | itself                                                                                   |
 * | n < 0     | an object of form -1-n; masks follow, a bit for each field that is not as usual, and those |
 * | n < 5     | `CONSTANTS`, and an empty array                                                          |
 * | n < 1,000 | the (n-5)th string of this value again; 5 is the key                                     |
 * | n ≥ 1,000 | word n-1,000                                                                             |
 * | `[n]`     | the number n, or whatever else has no token of its own, as it is                         |
 * | `[n,0]`   | an array of n; its items follow                                                          |
 * | `[]`      | the next of the long texts                                                               |
 */
export function pack(value: object, key = ''): Packed {
  const writer = new Writer(key)
  writer.put(value, ROOT)
  const text = JSON.stringify(writer.tokens)
  return writer.long.length === 0 ? text : [text, ...writer.long]
}

/** The value that was packed with that key, made anew. */
export function unpack(packed: Packed, key = ''): object {
  if (typeof packed === 'string') return new Reader(JSON.parse(packed) as readonly Token[], [], key).take() as object
  const [text, ...long] = packed
  return new Reader(JSON.parse(text) as readonly Token[], long, key).take() as object
}

/** Tells of what is packed whether it may have this string in it; false: it has not. */
export function searchFor(text: string): (packed: Packed) => boolean {
  if (isLeftOut(text)) return () => true
  const number = knownWord(text)
  const needles = [JSON.stringify(text), ...(number === undefined ? [] : [String(FIRST_WORD + number)])]
  return packed => {
    const [all, ...long] = typeof packed === 'string' ? [packed] : packed
    return needles.some(needle => all.includes(needle)) || long.includes(text)
  }
}

type Token = string | number | readonly unknown[]

class Writer {
  readonly tokens: Token[] = []
  readonly long: string[] = []
  readonly #again: Map<string, number>

  constructor(key: string) {
    this.#again = new Map([[key, FIRST_AGAIN]])
  }

  /** `field`: whose value it is. */
  put(value: unknown, field: Field): void {
    if (typeof value === 'string') this.#text(value, field)
    else if (typeof value === 'boolean' || value === null) this.tokens.push(value === null ? 3 : Number(value) + 1)
    else if (Array.isArray(value)) {
      this.tokens.push(value.length === 0 ? EMPTY : [value.length, 0])
      for (const item of value as readonly unknown[]) this.put(item, field)
    } else if (typeof value === 'object') this.#object(value as Readonly<Record<string, unknown>>, field)
    else this.tokens.push([value])
  }

  #object(value: Readonly<Record<string, unknown>>, field: Field): void {
    const form = formOf(value, field)
    if (form === null) {
      this.tokens.push([value])
      return
    }
    const { keys, fields, usual } = form
    this.tokens.push(-1 - form.number)
    for (let from = 0; from < keys.length; from += MASKED) {
      const at = this.tokens.push(0) - 1
      let mask = 0
      for (let n = from; n < Math.min(keys.length, from + MASKED); n += 1) {
        const one = value[keys[n] as string]
        if (one === usual[n]) continue
        mask |= 1 << (n - from)
        this.put(one, fields[n] as Field)
      }
      this.tokens[at] = mask
    }
  }

  #text(text: string, field: Field): void {
    const { length } = text
    if (length === 0) this.tokens.push(0)
    else if (length < SHORTEST_WORD) this.tokens.push(text)
    else if (length > LONGEST) {
      this.tokens.push([])
      this.long.push(text)
    } else this.tokens.push(this.#again.get(text) ?? this.#word(text, field))
  }

  #word(text: string, field: Field): Token {
    const word = wordNumber(text, field)
    if (word !== null) return FIRST_WORD + word
    if (this.#again.size < MAX_AGAIN) this.#again.set(text, FIRST_AGAIN + this.#again.size)
    return text
  }
}

class Reader {
  readonly #tokens: readonly Token[]
  readonly #long: readonly string[]
  readonly #again: string[]
  #at = 0
  #longAt = 0

  constructor(tokens: readonly Token[], long: readonly string[], key: string) {
    this.#tokens = tokens
    this.#long = long
    this.#again = [key]
  }

  take(): unknown {
    const token = this.#tokens[this.#at] as Token
    this.#at += 1
    if (typeof token === 'string') {
      if (token.length >= SHORTEST_WORD && this.#again.length < MAX_AGAIN) this.#again.push(token)
      return token
    }
    if (typeof token !== 'number') return this.#other(token)
    if (token < 0) return this.#object(formAt(-1 - token))
    if (token >= FIRST_WORD) return wordAt(token - FIRST_WORD)
    if (token >= FIRST_AGAIN) return this.#again[token - FIRST_AGAIN]
    return token === EMPTY ? [] : CONSTANTS[token]
  }

  #object({ keys, blank }: Form): object {
    const object: Record<string, unknown> = { ...blank }
    for (let from = 0; from < keys.length; from += MASKED) {
      let mask = this.#tokens[this.#at] as number
      this.#at += 1
      for (let n = from; mask !== 0; n += 1, mask >>>= 1) if ((mask & 1) === 1) object[keys[n] as string] = this.take()
    }
    return object
  }

  #other(token: readonly unknown[]): unknown {
    if (token.length === 1) return token[0]
    if (token.length === 2) return Array.from({ length: token[0] as number }, () => this.take())
    this.#longAt += 1
    return this.#long[this.#longAt - 1]
  }
}
