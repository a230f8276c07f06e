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
/** What is everywhere, by its token; the last is an empty array. */
const CONSTANTS = ['', false, true, null] as const
const EMPTY = CONSTANTS.length
/** The first tokens of texts that come again in a value, and of words. */
const FIRST_AGAIN = EMPTY + 1
/** Strings of one value that are found again in it: as many as there are tokens before those of words. */
const MAX_AGAIN = 995
const FIRST_WORD = FIRST_AGAIN + MAX_AGAIN
/** From so many objects of a form it is learned what is usual of it, of so many forms. */
const SAMPLES = 16
const MAX_SAMPLED = 512
/** Fields of which one number tells whether they are as usual. */
const MASKED = 30
/** Forms of a field's values that are tried before its form is looked up: mostly they are all alike. */
const LATELY = 4

/** A field after the fields before it: where the next key leads, and what is known of its values. */
interface Field {
  readonly next: Map<string, Field>
  /** The number of the form that ends here; -1 while none does. */
  form: number
  /** How many more words are remembered of it. */
  room: number
  /** Forms that its values had lately, the last first. */
  lately: readonly Form[]
}

interface Form {
  readonly number: number
  readonly keys: readonly string[]
  readonly fields: readonly Field[]
  /** What its fields mostly are: those are left out. `undefined`: nothing that is left out. */
  readonly usual: readonly unknown[]
  /** An object of it that is as usual in all fields. */
  readonly blank: Readonly<Record<string, unknown>>
  /** Its first objects, until enough are seen to know what is usual. */
  readonly samples: (readonly unknown[])[]
}

/** What this process has learned of what it packs. Only ever more, and bounded. */
const root: Field = { next: new Map(), form: -1, room: 0, lately: [] }
const forms: Form[] = []
const words: string[] = []
const numberOf = new Map<string, number>()
let fieldCount = 0
/** Texts that are left out somewhere, as they are usual. */
const leftOut = new Set<unknown>()

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
  if (leftOut.has(text)) return () => true
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
    const form = formIn(field, value)
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
    else if (length < SHORTEST) this.tokens.push(text)
    else if (length > LONGEST) {
      this.tokens.push([])
      this.long.push(text)
    } else this.tokens.push(this.#again.get(text) ?? wordOf(text, field) ?? this.#first(text))
  }

  #first(text: string): string {
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
      if (token.length >= SHORTEST && this.#again.length < MAX_AGAIN) this.#again.push(token)
      return token
    }
    if (typeof token !== 'number') return this.#other(token)
    if (token < 0) return this.#object(forms[-1 - token] as Form)
    if (token >= FIRST_WORD) return words[token - FIRST_WORD]
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

/** The form of an object that is the value of a field; null when it has none, and is packed as it is. */
function formIn(field: Field, value: Readonly<Record<string, unknown>>): Form | null {
  for (const form of field.lately) if (isOf(form, value)) return form
  const form = forms[formOf(value)]
  if (form === undefined) return null
  // What is usual of it is not known yet: then it is to be seen, and gets another number.
  if (form.samples.length === 0) field.lately = [form, ...field.lately.slice(0, LATELY - 1)]
  return form
}

function isOf({ keys }: Form, value: Readonly<Record<string, unknown>>): boolean {
  let n = 0
  for (const key in value) {
    if (keys[n] !== key) {
      if (value[key] === undefined) continue
      return false
    }
    if (value[key] === undefined) return false
    n += 1
  }
  return n === keys.length
}

/** The number of an object's form; -1 when it has none. */
function formOf(value: Readonly<Record<string, unknown>>): number {
  let field = root
  for (const key in value) {
    if (value[key] === undefined) continue
    const next = field.next.get(key) ?? grow(field, key)
    if (next === null) return -1
    field = next
  }
  if (field.form < 0) field.form = addForm(value)
  else if ((forms[field.form] as Form).samples.length > 0) sample(field, value)
  return field.form
}

/** Null where nothing more is learned: keys that are uids come once, and `__proto__` is no key to assign to. */
function grow(field: Field, key: string): Field | null {
  if (fieldCount >= MAX_FORMS || key.length === UID || key === '__proto__') return null
  fieldCount += 1
  const next: Field = { next: new Map(), form: -1, room: WORDS_OF_FIELD, lately: [] }
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
  return learn(keys, fields, [], forms.length < MAX_SAMPLED ? [sampleOf(keys, value)] : [])
}

function sampleOf(keys: readonly string[], value: Readonly<Record<string, unknown>>): readonly unknown[] {
  return keys.map(key => {
    const one = value[key]
    if (typeof one === 'object' || (typeof one === 'string' && one.length > LONGEST_WORD)) return undefined
    // As in JSON, where -0 is 0.
    return one === 0 ? 0 : one
  })
}

/** Once enough are seen, the form has a second number, with what is usual: who was packed by the first is read by it still. */
function sample(field: Field, value: Readonly<Record<string, unknown>>): void {
  const { keys, fields, samples } = forms[field.form] as Form
  samples.push(sampleOf(keys, value))
  if (samples.length < SAMPLES) return
  const usual = keys.map((_, n) => mostly(samples.map(values => values[n])))
  samples.length = 0
  for (const one of usual) if (typeof one === 'string') leftOut.add(one)
  field.form = learn(keys, fields, usual, [])
}

function learn(
  keys: readonly string[],
  fields: readonly Field[],
  usual: readonly unknown[],
  samples: (readonly unknown[])[],
): number {
  const number = forms.length
  const blank = Object.fromEntries(keys.map((key, n) => [key, usual[n]]))
  forms.push({ number, keys, fields, usual, blank, samples })
  return number
}

/** What at least a third are; undefined when they differ more, or are nothing plain. */
function mostly(values: readonly unknown[]): unknown {
  const counts = new Map<unknown, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const [first] = [...counts].sort(([, one], [, other]) => other - one)
  return first !== undefined && first[1] * 3 >= values.length ? first[0] : undefined
}

/** The token of a word; null for a text that is none. */
function wordOf(text: string, field: Field): number | null {
  const { length } = text
  if (length === UID || length > LONGEST_WORD) return null
  const known = numberOf.get(text)
  if (known !== undefined) return known
  if (field.room === 0 || words.length >= MAX_WORDS) return null
  field.room -= 1
  const number = FIRST_WORD + words.push(text) - 1
  numberOf.set(text, number)
  return number
}
