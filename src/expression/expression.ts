import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import { keysIn, tooCostly, variablesIn } from './cost.ts'
import { HOST_VARIABLES, type ObjectType, type VariableType } from './host-variables.ts'

/** Characters of one expression. */
export const MAX_EXPRESSION = 1_024
/** Nodes of one: some ten times what a condition that people write has. */
const MAX_NODES = 200
const MAX_DEPTH = 24
/** Parts of a list that is written down. */
const MAX_LIST = 100
const LIMITS = {
  maxAstNodes: MAX_NODES,
  maxDepth: MAX_DEPTH,
  maxListElements: MAX_LIST,
  // An expression gives a group, never a map.
  maxMapEntries: 0,
  maxCallArguments: 4,
}

/** What an expression gives: whether, one text, or several. */
export type ExpressionType = 'bool' | 'string' | 'list<string>'

/** The variables of one host, as `hostContext` makes them. */
export type HostContext = Readonly<Record<string, unknown>>

/** A condition or a text over the variables of a host, parsed and checked once. */
export interface Expression {
  readonly source: string
  readonly type: ExpressionType
  /** The variables that it reads. */
  readonly reads: readonly string[]
  /** Texts in it that may be keys of labels; none when it reads no labels. */
  readonly labels: readonly string[]
  /** What it gives for a host. Throws an Error that says why it gives nothing: a label that is not there, say. */
  readonly of: (host: HostContext) => boolean | string | readonly string[]
}

const wrappers = new Map<ObjectType, new (value: object) => object>()
let environment: Environment | null = null

/**
 * Reads an expression in CEL and checks its types against `HOST_VARIABLES`. Throws an Error that says what is wrong with it, and where
 * it is known.
 */
export function parseExpression(source: string): Expression {
  if (source.length > MAX_EXPRESSION) throw new Error(`it has more than ${MAX_EXPRESSION} characters`)
  environment ??= declare()
  const parsed = attempt(environment, source)
  const fault = tooCostly(parsed.ast)
  if (fault !== '') throw new Error(fault)
  const { valid, type = '', error } = parsed.check()
  if (!valid) throw new Error(wordsOf(error))
  if (type !== 'bool' && type !== 'string' && type !== 'list<string>')
    throw new Error(`it gives ${type}, and a group is made of bool, string or list<string>`)
  const reads = variablesIn(parsed.ast)
  const labels = reads.includes('kubevirt_labels') ? keysIn(parsed.ast) : []
  return { source, type, reads, labels, of: host => given(type, parsed, host) }
}

/** The variables as expressions read them: what is declared as an object becomes one of the declared kind. Those that are given alone. */
export function hostContext(variables: Readonly<Record<string, unknown>>): HostContext {
  const context: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(variables)) {
    const type = HOST_VARIABLES[name]
    if (type !== undefined) context[name] = valueOf(type, value)
  }
  return context
}

function valueOf(type: VariableType, value: unknown): unknown {
  if (typeof type === 'string') return value
  if ('each' in type) return (value as readonly object[]).map(each => wrapped(type.each, each))
  return wrapped(type, value as object)
}

function wrapped(type: ObjectType, value: object): object {
  const Wrapper = wrapperOf(type)
  return new Wrapper(value)
}

function given(
  type: ExpressionType,
  run: (host: HostContext) => unknown,
  host: HostContext,
): boolean | string | readonly string[] {
  let value: unknown
  try {
    value = run(host)
  } catch (error) {
    throw new Error(wordsOf(error), { cause: error })
  }
  // Types are checked, but for what the checker takes on trust.
  if (type === 'bool' && typeof value === 'boolean') return value
  if (type === 'string' && typeof value === 'string') return value
  if (type === 'list<string>' && Array.isArray(value) && value.every(each => typeof each === 'string')) return value
  throw new Error(`it did not give ${type}`)
}

interface Parsed {
  readonly ast: ASTNode
  readonly check: () => { valid: boolean; type?: string; error?: unknown }
  (host: HostContext): unknown
}

function attempt(within: Environment, source: string): Parsed {
  try {
    return within.parse(source) as Parsed
  } catch (error) {
    throw new Error(wordsOf(error), { cause: error })
  }
}

/** The sentence of a fault of the language, without the drawing below it. */
function wordsOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string }
  return summary ?? message ?? 'it can not be read'
}

function declare(): Environment {
  const declared = new Environment({ enableOptionalTypes: true, limits: LIMITS })
  for (const [name, type] of Object.entries(HOST_VARIABLES)) {
    if (typeof type === 'string') declared.registerVariable(name, type)
    else if ('each' in type) declared.registerVariable(name, `list<${typed(declared, name, type.each)}>`)
    else declared.registerVariable(name, typed(declared, name, type))
  }
  return declared
}

function typed(declared: Environment, name: string, type: ObjectType): string {
  declared.registerType(`${name}_type`, { ctor: wrapperOf(type), fields: { ...type.fields } })
  return `${name}_type`
}

/** The class of a declared object: the language knows values by their class. */
function wrapperOf(type: ObjectType): new (value: object) => object {
  const known = wrappers.get(type)
  if (known !== undefined) return known
  // oxlint-disable-next-line typescript/no-extraneous-class -- the language knows a type by its class
  class Wrapper {
    constructor(value: object) {
      Object.assign(this, value)
    }
  }
  wrappers.set(type, Wrapper)
  return Wrapper
}
