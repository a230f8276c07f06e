import { createHash } from 'node:crypto'
import { isTemplate } from '../template.ts'

/** What a job gets beside what virtbridge itself tells it: its `extra_vars`. */
export type Variables = Readonly<Record<string, unknown>>

/** Of the variables of one run, as JSON; a megabyte with what virtbridge adds is what a launch may carry. */
export const MAX_VARIABLES_BYTES = 1_000_000
/** Variables of one run. */
export const MAX_VARIABLES = 200
/** Lists and maps within one another. */
export const MAX_VARIABLE_DEPTH = 16
/** Of a run that has ended its variables are kept up to so many bytes; of more their names and their digest. */
export const MAX_KEPT_VARIABLES_BYTES = 4_096
/** Of the variables of all runs under way or waiting. */
export const MAX_VARIABLES_UNDER_WAY_BYTES = 67_108_864

/** What Ansible takes for a variable. */
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/
/**
 * Names that decide who is reached, how, and whether it is the right guest: `extra_vars` win over everything, so nobody may set these.
 * `kubevirt_*` and `day2_*` are what the inventory says of a host; `guard_*`, `result_*` and `verb_*` are the frame of every play.
 */
const RESERVED = /^(ansible|virtbridge|kubevirt|day2|guard|result|verb|inventory|tower|awx)_/i
/** What Ansible itself fills in. */
const MAGIC = new Set(['hostvars', 'groups', 'group_names', 'vars', 'omit', 'play_hosts', 'role_name', 'role_path'])

/** What runs as a program beside the controller: the template says it. */
const PROGRAMS = new Set(['export_disk_builder'])

/** Names of what is a secret, wherever it stands. */
const SECRET_NAME =
  /(^|_)(pass|passwd|passwords?|passphrases?|secrets?|tokens?|credentials?|api_?keys?|private_?keys?|pwd)(_|$)/i
/** Texts that are one whatever they are called: a private key, a vault, an authorization, a JWT, a URL with a password. */
const SECRET_TEXT =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|^\$ANSIBLE_VAULT;|^(Bearer|Basic) \S{8}|^eyJ[\w-]{8,}\.eyJ[\w-]+\.|:\/\/[^\s/:@]+:[^\s/@]+@/

/** Why a run may not have these variables, in one sentence that tells names and no value; empty when it may. Pure. */
export function variablesFault(variables: Variables): string {
  const names = Object.keys(variables)
  if (names.length > MAX_VARIABLES) return `${names.length} variables are too many, ${MAX_VARIABLES} are the most`
  for (const name of names) {
    const fault = nameFault(name)
    if (fault !== '') return fault
  }
  for (const [name, value] of Object.entries(variables)) {
    const fault = valueFault(name, value, 1)
    if (fault !== '') return `${name} ${fault}`
  }
  const bytes = bytesOf(variables)
  return bytes > MAX_VARIABLES_BYTES
    ? `variables of ${bytes} bytes are too many, ${MAX_VARIABLES_BYTES} is the most`
    : ''
}

/** Why a run may not say a variable of this name, whatever its value; empty when it may. Pure. */
export function nameFault(name: string): string {
  if (!NAME.test(name)) return `${shown(name)} is no name of a variable`
  if (PROGRAMS.has(name))
    return `${name} is not for a run to say: it names a program that runs beside the controller; say it in the template`
  return RESERVED.test(name) || MAGIC.has(name)
    ? `${name} is not for a run to say: it decides who is reached and how`
    : ''
}

function valueFault(name: string, value: unknown, depth: number): string {
  if (depth > MAX_VARIABLE_DEPTH) return `is deeper than ${MAX_VARIABLE_DEPTH} lists and maps`
  if (typeof value === 'string') return textFault(name, value)
  if (typeof value === 'number' && SECRET_NAME.test(name)) return SECRET
  if (typeof value !== 'object' || value === null) return ''
  const inner = Array.isArray(value) ? value.map(each => [name, each] as const) : Object.entries(value)
  for (const [key, each] of inner) {
    if (isTemplate(key)) return TEMPLATED
    const fault = valueFault(key, each, depth + 1)
    if (fault !== '') return fault
  }
  return ''
}

const SECRET = 'is, or holds, what looks like a secret, which would stand in the log for good'
const TEMPLATED = 'holds a template expression, which would be worked out where the job runs'

function textFault(name: string, text: string): string {
  if (isTemplate(text)) return TEMPLATED
  return text !== '' && (SECRET_NAME.test(name) || SECRET_TEXT.test(text)) ? SECRET : ''
}

/** Whether two wishes mean the same variables: 16 hex digits, the same whatever order the names come in; empty for none. */
export function variablesDigest(variables: Variables = {}): string {
  if (Object.keys(variables).length === 0) return ''
  return createHash('sha256').update(canonical(variables)).digest('hex').slice(0, 16)
}

/** Bytes as JSON. */
export function bytesOf(variables: Variables): number {
  return Buffer.byteLength(JSON.stringify(variables))
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
}

function shown(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 63)}…` : name)
}
