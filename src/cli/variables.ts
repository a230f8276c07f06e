import { readFileSync, statSync } from 'node:fs'
import { parse } from 'yaml'
import { MAX_VARIABLES_BYTES } from '../day2/index.ts'
import { Fault, messageOf } from '../errors.ts'

/** Variables as a command line says them: those of a file, YAML or JSON, and over them `name=value`. */
export interface VariablesSaid {
  readonly var: readonly string[]
  readonly varsFile: string
}

/** The variables that are meant. Throws a Fault `variables`; the values are for the bridge to judge. */
export function variablesOf({ var: pairs, varsFile }: VariablesSaid): Readonly<Record<string, unknown>> {
  const variables: Record<string, unknown> = varsFile === '' ? {} : { ...ofFile(varsFile) }
  for (const pair of pairs) {
    const [, name = '', value = ''] = /^([^=]*)=([^]*)$/.exec(pair) ?? []
    if (name === '')
      throw new Fault('variables', '--var is name=value', { hint: 'as --var patch_reboot=never --var count=3' })
    variables[name] = valueOf(value)
  }
  return variables
}

/** What is JSON is taken as such, anything else as text: a survey of a controller tells 3 from "3". */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function ofFile(file: string): Readonly<Record<string, unknown>> {
  const hint = 'a map of names and values, as YAML or JSON'
  let value: unknown
  try {
    const { size } = statSync(file)
    // YAML says the same with more bytes than JSON, but not with many times as many.
    if (size > 4 * MAX_VARIABLES_BYTES) throw new Error(`it has ${size} bytes`)
    value = parse(readFileSync(file, 'utf8')) ?? {}
  } catch (error) {
    // What a parser quotes may be a secret.
    const [sentence = ''] = messageOf(error).split(/[\n:]| at line /)
    throw new Fault('variables', `the variables of ${file} can not be read: ${sentence}`, { hint })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Fault('variables', `${file} holds no variables`, { hint })
  return value as Readonly<Record<string, unknown>>
}
