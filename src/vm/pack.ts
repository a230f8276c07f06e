/**
 * A value of JSON in little room: what a map of many alike holds of each. A string of text; with long texts beside it, which are shared
 * with whoever holds them too. Of use within one process only, and to `unpack` alone.
 */
export type Packed = string | readonly [text: string, ...long: string[]]

/** Forms (the keys of an object, in their order), and words, that are remembered: what is beyond them is packed less well. */
export const MAX_FORMS = 4_096
export const MAX_WORDS = 16_384
/** Different words of one field that are remembered: of one that has more, each is the only one of its kind. */
const WORDS_OF_FIELD = 256
/** Characters of a word. Shorter ones take less as they are; uids are not remembered, and longer ones seldom come again. */
const SHORTEST = 3
const UID = 36
const LONGEST_WORD = 96
/** Longer texts are kept beside. */
const LONGEST = 256
/** What is everywhere, by its token. */
const USUAL = ['', false, true, null] as const
/** Strings of one value that are found again in it: as many as there are tokens before those of words. */
const MAX_AGAIN = 996
const FIRST_WORD = USUAL.length + MAX_AGAIN

/** A field after the fields before it: where the next key leads, and what is known of its values. */
interface Field {
  readonly next: Map<string, Field>
  /** The number of the form that ends here; -1 while none does. */
  form: number
  /** How many more words are remembered of it. */
  room: number
}

interface Form {
  readonly keys: readonly string[]
  readonly fields: readonly Field[]
}

/** What this process has learned of what it packs. Only ever more, and bounded. */
const root: Field = { next: new Map(), form: -1, room: 0 }
const forms: Form[] = []
const words: string[] = []
const numberOf = new Map<string, number>()
let fieldCount = 0

/**
 * Packs a value of JSON: what JSON.stringify makes of it comes back from `unpack`, with keys in the same order. `key` is a string that the
 * value may have in it, and who unpacks it has.
 *
 * It becomes one flat array as JSON, in the order in which the value is read:
 *
 * | token            | is                                                                  |
 * |------------------|---------------------------------------------------------------------|
 * | string           | itself                                                              |
 * | n < 0            | an object of form -1-n; the values of its keys follow               |
 * | n < 4            | one of the values that are everywhere                               |
 * | n < 1,000        | the (n-4)th string of this value again; 4 is the key                |
 * | n ≥ 1,000        | word n-1,000                                                        |
 * | `[n]`            | the number n, or whatever else has no token of its own, as it is    |
 * | `[n,0]`          | an array of n; its items follow                                     |
 * | `[]`             | the next of the long texts                                          |
 */
export function pack(value: object, key = ''): Packed {
  const writer = new Writer(key)
  writer.put(value, root)
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
  const number = numberOf.get(text)
  const needles = [JSON.stringify(text), ...(number === undefined ? [] : [String(number)])]
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
    this.#again = new Map([[key, USUAL.length]])
  }

  /** `field`: whose value it is. */
  put(value: unknown, field: Field): void {
    if (typeof value === 'string') this.#text(value, field)
    else if (typeof value === 'boolean' || value === null) this.tokens.push(value === null ? 3 : Number(value) + 1)
    else if (Array.isArray(value)) {
      this.tokens.push([value.length, 0])
      for (const item of value as readonly unknown[]) this.put(item, field)
    } else if (typeof value === 'object') this.#object(value as Readonly<Record<string, unknown>>)
    else this.tokens.push([value])
  }

  #object(value: Readonly<Record<string, unknown>>): void {
    const number = formOf(value)
    const form = forms[number]
    if (form === undefined) {
      this.tokens.push([value])
      return
    }
    const { keys, fields } = form
    this.tokens.push(-1 - number)
    for (let n = 0; n < keys.length; n += 1) this.put(value[keys[n] as string], fields[n] as Field)
  }

  #text(text: string, field: Field): void {
    const { length } = text
    if (length === 0) this.tokens.push(0)
    else if (length < SHORTEST) this.tokens.push(text)
    else if (length > LONGEST) {
      this.tokens.push([])
      this.long.push(text)
    } else this.tokens.push(this.#again.get(text) ?? wordOf(text, field) ?? this.#first(text))
  }

  #first(text: string): string {
    if (this.#again.size < MAX_AGAIN) this.#again.set(text, USUAL.length + this.#again.size)
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
      if (token.length >= SHORTEST && this.#again.length < MAX_AGAIN) this.#again.push(token)
      return token
    }
    if (typeof token !== 'number') return this.#other(token)
    if (token < 0) return this.#object(forms[-1 - token] as Form)
    if (token >= FIRST_WORD) return words[token - FIRST_WORD]
    return token < USUAL.length ? USUAL[token] : this.#again[token - USUAL.length]
  }

  #object({ keys }: Form): object {
    const object: Record<string, unknown> = {}
    for (const key of keys) object[key] = this.take()
    return object
  }

  #other(token: readonly unknown[]): unknown {
    if (token.length === 1) return token[0]
    if (token.length === 2) return Array.from({ length: token[0] as number }, () => this.take())
    this.#longAt += 1
    return this.#long[this.#longAt - 1]
  }
}

/** The number of an object's form; -1 when it has none, and is packed as it is. */
function formOf(value: Readonly<Record<string, unknown>>): number {
  let field = root
  for (const key in value) {
    if (value[key] === undefined) continue
    const next = field.next.get(key) ?? grow(field, key)
    if (next === null) return -1
    field = next
  }
  if (field.form < 0) field.form = addForm(value)
  return field.form
}

/** Null where nothing more is learned: keys that are uids come once, and `__proto__` is no key to assign to. */
function grow(field: Field, key: string): Field | null {
  if (fieldCount >= MAX_FORMS || key.length === UID || key === '__proto__') return null
  fieldCount += 1
  const next: Field = { next: new Map(), form: -1, room: WORDS_OF_FIELD }
  field.next.set(key, next)
  return next
}

function addForm(value: Readonly<Record<string, unknown>>): number {
  const keys = Object.keys(value).filter(key => value[key] !== undefined)
  const fields: Field[] = []
  let field = root
  for (const key of keys) {
    field = field.next.get(key) as Field
    fields.push(field)
  }
  return forms.push({ keys, fields }) - 1
}

/** The token of a word; null for a text that is none. */
function wordOf(text: string, field: Field): number | null {
  const known = numberOf.get(text)
  if (known !== undefined) return known
  const { length } = text
  if (field.room === 0 || length === UID || length > LONGEST_WORD || words.length >= MAX_WORDS) return null
  field.room -= 1
  const number = FIRST_WORD + words.push(text) - 1
  numberOf.set(text, number)
  return number
}
