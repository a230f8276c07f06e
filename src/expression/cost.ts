import type { ASTNode } from '@marcbachmann/cel-js'
import { HOST_VARIABLES, type VariableType } from './host-variables.ts'

/** Steps of one evaluation, at worst: some milliseconds. */
const MAX_STEPS = 100_000
/** Characters of a text, or parts of a list, that an expression may make on its way. */
const MAX_MADE = 100_000
/** Characters of a text of a VM, parts of its labels and addresses; what its record keeps at most (src/vm/project.ts, src/vm/labels.ts). */
const TEXT: Size = { length: 256, each: null }
const ADDRESSES = 16
const LABELS = 128
/** Characters of text that are looked through in about the time of one step. */
const CHARACTERS_A_STEP = 100

/** How large a value may be: characters of a text, or parts of a list, and how large each of those. */
interface Size {
  readonly length: number
  readonly each: Size | null
}

/** What an expression costs at worst, and how large its value may be. */
interface Cost {
  readonly steps: number
  readonly size: Size
}

type Scope = ReadonlyMap<string, Size>

const NOTHING: Size = { length: 0, each: null }
/** Macros that walk a list, or the keys of a map. */
const WALKS = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])
/** What gives no more than it is given. */
const CUTS = new Set(['lowerAscii', 'or', 'orValue', 'string', 'substring', 'trim', 'upperAscii'])
/** What else may be called. Not `matches`: it is JavaScript's, and takes for ever on some texts, which a guest may write. */
const CALLS = new Set([
  'contains',
  'endsWith',
  'has',
  'hasValue',
  'indexOf',
  'join',
  'lastIndexOf',
  'size',
  'split',
  'startsWith',
])

/** Why an expression may not run, by what it is made of: it calls what is not there, or costs too much at worst. Empty when it may. Pure. */
export function tooCostly(node: ASTNode): string {
  const unknown = callsIn(node).find(name => !WALKS.has(name) && !CUTS.has(name) && !CALLS.has(name))
  if (unknown === 'matches')
    return 'matches is not there, as a pattern may take for ever on what a guest wrote; startsWith, endsWith, contains and split are'
  if (unknown !== undefined) return `${unknown} is not there`
  const { steps, size } = costOf(node, new Map())
  const worst = Math.max(steps, MAX_STEPS * (size.length / MAX_MADE))
  return worst > MAX_STEPS ? `it may take ${Math.ceil(worst)} steps for one VM, and ${MAX_STEPS} are allowed` : ''
}

/** The variables of a host that a node reads, each once. Pure. */
export function variablesIn(node: ASTNode): readonly string[] {
  const own = node.op === 'id' && Object.hasOwn(HOST_VARIABLES, node.args) ? [node.args] : []
  return [...new Set([...own, ...partsOf(node).flatMap(variablesIn)])]
}

/** Texts, and names of fields, that a node may look up in a map, each once. Pure. */
export function keysIn(node: ASTNode): readonly string[] {
  const own = node.op === 'value' ? node.args : node.op === '.' || node.op === '.?' ? node.args[1] : ''
  const keys = typeof own === 'string' && own !== '' ? [own] : []
  return [...new Set([...keys, ...partsOf(node).flatMap(keysIn)])]
}

/** By how large what it is made of may be. Every step looks at what it makes. */
function costOf(node: ASTNode, scope: Scope): Cost {
  if (node.op === 'id') return { steps: 1, size: scope.get(node.args) ?? sizeOf(HOST_VARIABLES[node.args]) }
  if (node.op === 'value') return { steps: 1, size: literal(node.args) }
  const name = calledBy(node)
  if (WALKS.has(name)) return walk(name, node, scope)
  const parts = partsOf(node).map(part => costOf(part, scope))
  const size = made(
    node,
    name,
    parts.map(part => part.size),
  )
  const looked = parts.reduce((sum, part) => sum + deep(part.size), deep(size)) / CHARACTERS_A_STEP
  return { steps: parts.reduce((sum, part) => sum + part.steps, 1 + looked), size }
}

function walk(name: string, node: ASTNode, scope: Scope): Cost {
  const [over, variable, ...bodies] = partsOf(node)
  if (over === undefined || variable?.op !== 'id') return { steps: 1, size: NOTHING }
  const walked = costOf(over, scope)
  const each = walked.size.each ?? TEXT
  const within = new Map([...scope, [variable.args, each]])
  const costs = bodies.map(body => costOf(body, within))
  const steps = walked.steps + walked.size.length * costs.reduce((sum, cost) => sum + cost.steps, 1)
  const { length } = walked.size
  if (name === 'map') return { steps, size: { length, each: costs.at(-1)?.size ?? NOTHING } }
  return { steps, size: name === 'filter' ? { length, each } : NOTHING }
}

/** How large what a node makes may be, by how large what it is made of may be. */
function made({ op }: ASTNode, called: string, parts: readonly Size[]): Size {
  const [first = NOTHING, second = NOTHING] = parts
  if (op === 'list') return { length: parts.length, each: largest(parts) }
  if (op === '+') return { length: first.length + second.length, each: largest([first, second].map(eachOf)) }
  if (op === '?:') return largest(parts.slice(1))
  if (op === '.' || op === '.?' || op === '[]' || op === '[?]') return first.each ?? TEXT
  if (called === 'split') return { length: first.length + 1, each: first }
  if (called === 'join') return { length: first.length * (eachOf(first).length + second.length), each: null }
  return CUTS.has(called) ? largest(parts) : NOTHING
}

function sizeOf(type: VariableType | undefined): Size {
  if (type === undefined || type === 'bool') return NOTHING
  if (type === 'string') return TEXT
  if (typeof type === 'string') return { length: LABELS, each: TEXT }
  const object = { length: 0, each: TEXT }
  return 'each' in type ? { length: ADDRESSES, each: object } : object
}

function literal(value: unknown): Size {
  return { length: typeof value === 'string' ? value.length : 0, each: null }
}

function eachOf({ each }: Size): Size {
  return each ?? NOTHING
}

function largest(sizes: readonly Size[]): Size {
  if (sizes.length === 0) return NOTHING
  const parts = sizes.flatMap(({ each }) => each ?? [])
  return { length: Math.max(...sizes.map(size => size.length)), each: parts.length === 0 ? null : largest(parts) }
}

/** All that a value holds, down to its characters. */
function deep({ length, each }: Size): number {
  return each === null ? length : length * Math.max(1, deep(each))
}

function callsIn(node: ASTNode): readonly string[] {
  const name = calledBy(node)
  return [...(name === '' ? [] : [name]), ...partsOf(node).flatMap(callsIn)]
}

function calledBy({ op, args }: ASTNode): string {
  return op === 'call' || op === 'rcall' ? args[0] : ''
}

/** The nodes below, whichever way this one holds them. */
function partsOf({ args }: ASTNode): readonly ASTNode[] {
  const nodes: ASTNode[] = []
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) collect(each)
    else if (isNode(value)) nodes.push(value)
  }
  collect(args)
  return nodes
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}
