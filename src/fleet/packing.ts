/** A value of JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

type Leaf = string | number | boolean | null

/**
 * How a value is built: of which objects and lists, with which keys. A `leaf` is a text, number, boolean or null, of which the packed text
 * says which; a `whole` is any value at all, which the packed text has as it is.
 */
type Shape =
  | { readonly kind: 'leaf'; readonly values: Values }
  | { readonly kind: 'whole' }
  | { readonly kind: 'list'; readonly items: readonly Shape[] }
  | { readonly kind: 'object'; readonly keys: readonly string[]; readonly shapes: readonly Shape[] }

/** A value, packed: what many have in common is kept once, for all of them. */
export interface Packed {
  readonly shape: Shape
  /**
   * A list of JSON with an item for each leaf: where it is among the values of its place; below zero where it is among those that this
   * text has as they are, the first of them -1; in a list of its own as it is.
   */
  readonly text: string
}

/** Shapes that are shared. A value of yet another is kept as it is. */
export const MAX_SHAPES = 4_096
/** Values of one place that are shared. When there are more, each has its own. */
export const MAX_VALUES = 1_024
/** How deep a value is taken apart: what lies deeper is kept as it is. */
const DEEPEST = 4
const WHOLE: Shape = { kind: 'whole' }

/**
 * Packs values of JSON that are alike, as records are: it remembers of which objects and keys they are made, and which values were in each
 * place, so that of one little more is left than what no other has. Given back, a value is as it was, key for key.
 */
export class Packing {
  readonly #shapes = new Map<string, Shape>()
  /** By the path of the place. */
  readonly #values = new Map<string, Values>()

  /** How many shapes are shared. */
  get shapes(): number {
    return this.#shapes.size
  }

  pack(value: Json): Packed {
    const key = keyOf(value, 0)
    const shape = this.#shapes.get(key) ?? this.#learn(key, value)
    const leaves: Json[] = []
    gather(value, shape, { leaves, said: [] })
    return { shape, text: JSON.stringify(leaves) }
  }

  #learn(key: string, value: Json): Shape {
    if (this.#shapes.size >= MAX_SHAPES) return WHOLE
    const shape = this.#shapeOf(value, '', 0)
    this.#shapes.set(key, shape)
    return shape
  }

  #shapeOf(value: Json, path: string, depth: number): Shape {
    if (!isTree(value)) return { kind: 'leaf', values: this.#valuesAt(path) }
    if (depth >= DEEPEST) return WHOLE
    if (isList(value)) return { kind: 'list', items: value.map(item => this.#shapeOf(item, `${path}/`, depth + 1)) }
    const keys = keysOf(value)
    const shapes = keys.map(key => this.#shapeOf(value[key] ?? null, `${path}.${key}`, depth + 1))
    return { kind: 'object', keys, shapes }
  }

  /** Places are bounded as the shapes are that have them. */
  #valuesAt(path: string): Values {
    const known = this.#values.get(path)
    if (known !== undefined) return known
    const fresh = new Values()
    this.#values.set(path, fresh)
    return fresh
  }
}

/** What was packed. */
export function unpack({ shape, text }: Packed): Json {
  return build(shape, { leaves: JSON.parse(text) as Json[], next: 0, said: [] })
}

/** The values that were in one place. */
class Values {
  readonly all: Leaf[] = []
  readonly #indexes = new Map<Leaf, number>()

  /** Where the value is; undefined when there are too many. */
  indexOf(value: Leaf): number | undefined {
    const known = this.#indexes.get(value)
    if (known !== undefined || this.all.length >= MAX_VALUES) return known
    this.#indexes.set(value, this.all.length)
    return this.all.push(value) - 1
  }
}

interface Written {
  readonly leaves: Json[]
  /** What it has as it is. */
  readonly said: Leaf[]
}

function gather(value: Json, shape: Shape, into: Written): void {
  if (shape.kind === 'whole') into.leaves.push(value)
  else if (shape.kind === 'leaf') into.leaves.push(leafOf(value as Leaf, shape.values, into.said))
  else if (shape.kind === 'list')
    for (let index = 0; index < shape.items.length; index += 1)
      gather((value as readonly Json[])[index] ?? null, shape.items[index] ?? WHOLE, into)
  else
    for (let index = 0; index < shape.keys.length; index += 1)
      gather((value as Record<string, Json>)[shape.keys[index] ?? ''] ?? null, shape.shapes[index] ?? WHOLE, into)
}

function leafOf(value: Leaf, values: Values, said: Leaf[]): Json {
  const index = values.indexOf(value)
  if (index !== undefined) return index
  const before = said.indexOf(value)
  if (before >= 0) return -1 - before
  said.push(value)
  return [value]
}

interface Reading {
  readonly leaves: readonly Json[]
  next: number
  readonly said: Leaf[]
}

function build(shape: Shape, from: Reading): Json {
  if (shape.kind === 'list') return shape.items.map(item => build(item, from))
  if (shape.kind === 'object') {
    const made: Record<string, Json> = {}
    for (let index = 0; index < shape.keys.length; index += 1)
      put(made, shape.keys[index] ?? '', build(shape.shapes[index] ?? WHOLE, from))
    return made
  }
  const leaf = from.leaves[from.next] ?? null
  from.next += 1
  if (shape.kind === 'whole') return leaf
  if (typeof leaf === 'number') return (leaf < 0 ? from.said[-1 - leaf] : shape.values.all[leaf]) ?? null
  const [value = null] = leaf as readonly Leaf[]
  from.said.push(value)
  return value
}

/** A key may be called like what every object has. */
function put(made: Record<string, Json>, key: string, value: Json): void {
  if (key !== '__proto__') made[key] = value
  else Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true })
}

/** The same for values of one shape. */
function keyOf(value: Json, depth: number): string {
  if (!isTree(value)) return '.'
  if (depth >= DEEPEST) return '*'
  if (isList(value)) return `[${value.map(item => keyOf(item, depth + 1)).join()}]`
  const parts = keysOf(value).map(key => `${JSON.stringify(key)}${keyOf(value[key] ?? null, depth + 1)}`)
  return `{${parts.join()}}`
}

/** Those that JSON would have. */
function keysOf(value: { readonly [key: string]: Json | undefined }): readonly string[] {
  return Object.keys(value).filter(key => value[key] !== undefined)
}

function isTree(value: Json | undefined): value is readonly Json[] | { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null
}

function isList(value: readonly Json[] | { readonly [key: string]: Json }): value is readonly Json[] {
  return Array.isArray(value)
}
