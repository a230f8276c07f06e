import { isUid, LONGEST_WORD, type Room } from './word.ts'

/** Forms (the keys of an object, in their order) that are remembered: objects of others are packed as they are. */
export const MAX_FORMS = 4_096
/** Different words of one field that are remembered. */
const WORDS_OF_FIELD = 256
/** From so many objects of a form it is learned what is usual of it, of so many forms. */
const SAMPLES = 16
const MAX_SAMPLED = 512
/** Forms of a field's values that are tried before its form is looked up: mostly they are all alike. */
const LATELY = 4

/** A field after the fields before it: where the next key leads, and what is known of its values. */
export interface Field extends Room {
  readonly next: Map<string, Field>
  /** The form that ends here. */
  form: Form | null
  /** Forms that its values had lately, the last first. */
  lately: readonly Form[]
}

export interface Form {
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

type Value = Readonly<Record<string, unknown>>

/** What this process has learned of the objects that it packs. Only ever more, and bounded. */
export const ROOT: Field = { next: new Map(), form: null, room: 0, lately: [] }
const forms: Form[] = []
let fieldCount = 0
/** Texts that are left out somewhere, as they are usual. */
const leftOut = new Set<unknown>()

/** The form of an object that is the value of a field; null when it has none, and is packed as it is. */
export function formOf(value: Value, field: Field): Form | null {
  for (const form of field.lately) if (isOf(form, value)) return form
  const form = find(value)
  // What is usual of it may not be known yet: then it is to be seen, and gets another number.
  if (form?.samples.length === 0) field.lately = [form, ...field.lately.slice(0, LATELY - 1)]
  return form
}

/** The form of a number. */
export function formAt(number: number): Form {
  return forms[number] as Form
}

/** True for a text that some form leaves out. */
export function isLeftOut(text: string): boolean {
  return leftOut.has(text)
}

function isOf({ keys }: Form, value: Value): boolean {
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

function find(value: Value): Form | null {
  let field = ROOT
  for (const key in value) {
    if (value[key] === undefined) continue
    const next = field.next.get(key) ?? grow(field, key)
    if (next === null) return null
    field = next
  }
  if (field.form === null) field.form = formFrom(value)
  else if (field.form.samples.length > 0) field.form = sampled(field.form, value)
  return field.form
}

/** Null where nothing more is learned: keys that are uids come once, and `__proto__` is no key to assign to. */
function grow(field: Field, key: string): Field | null {
  if (fieldCount >= MAX_FORMS || isUid(key) || key === '__proto__') return null
  fieldCount += 1
  const next: Field = { next: new Map(), form: null, room: WORDS_OF_FIELD, lately: [] }
  field.next.set(key, next)
  return next
}

function formFrom(value: Value): Form {
  const keys = Object.keys(value).filter(key => value[key] !== undefined)
  const fields: Field[] = []
  let field = ROOT
  for (const key of keys) {
    field = field.next.get(key) as Field
    fields.push(field)
  }
  return learn(keys, fields, [], forms.length < MAX_SAMPLED ? [sampleOf(keys, value)] : [])
}

function sampleOf(keys: readonly string[], value: Value): readonly unknown[] {
  return keys.map(key => {
    const one = value[key]
    if (typeof one === 'object' || (typeof one === 'string' && one.length > LONGEST_WORD)) return undefined
    // As in JSON, where -0 is 0.
    return one === 0 ? 0 : one
  })
}

/** Once enough are seen, the form has a second number, with what is usual: who was packed by the first is read by it still. */
function sampled(form: Form, value: Value): Form {
  const { keys, fields, samples } = form
  samples.push(sampleOf(keys, value))
  if (samples.length < SAMPLES) return form
  const usual = keys.map((_, n) => mostly(samples.map(values => values[n])))
  samples.length = 0
  for (const one of usual) if (typeof one === 'string') leftOut.add(one)
  return learn(keys, fields, usual, [])
}

function learn(
  keys: readonly string[],
  fields: readonly Field[],
  usual: readonly unknown[],
  samples: (readonly unknown[])[],
): Form {
  const blank = Object.fromEntries(keys.map((key, n) => [key, usual[n]]))
  const form: Form = { number: forms.length, keys, fields, usual, blank, samples }
  forms.push(form)
  return form
}

/** What at least a third are; undefined when they differ more, or are nothing plain. */
function mostly(values: readonly unknown[]): unknown {
  const counts = new Map<unknown, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const [first] = [...counts].sort(([, one], [, other]) => other - one)
  return first !== undefined && first[1] * 3 >= values.length ? first[0] : undefined
}
