import { MASK } from '../aap/index.ts'
import { MAX_SEALED_BYTES, type Sealed } from './sealed.ts'
import { isTemplate } from '../template.ts'
import { nameFault, type Variables } from './variables.ts'

/** What a person gives a job that nobody may read: names of variables with the answers to password questions of its template's survey. */
export type Secrets = Readonly<Record<string, string>>

/** The same as the log has them. */
export type SealedSecrets = Readonly<Record<string, Sealed>>

/** Secrets of one run. */
export const MAX_SECRETS = 16
/** Of one secret, as UTF-8: a private key has room. */
export const MAX_SECRET_BYTES = 4_096

/** Why a run may not have these secrets, in one sentence that tells names and nothing else; empty when it may. Pure. */
export function secretsFault(secrets: Readonly<Record<string, unknown>>, variables: Variables = {}): string {
  const names = Object.keys(secrets)
  const fault = namesFault(names, variables)
  if (fault !== '') return fault
  for (const name of names) {
    const why = textFault(secrets[name])
    if (why !== '') return `the secret ${name} ${why}`
  }
  return ''
}

/** Why what stands in the log can not be the secrets of a run; empty when it can. Whether they can be opened is another matter. Pure. */
export function sealedFault(sealed: SealedSecrets, variables: Variables = {}): string {
  const fault = namesFault(Object.keys(sealed), variables)
  if (fault !== '') return fault
  const long = Object.keys(sealed).find(name => (sealed[name]?.sealed.length ?? 0) > MAX_SEALED_BYTES)
  return long === undefined ? '' : `the secret ${long} is longer than a sealed one can be`
}

/** Whether a value has the form of sealed secrets. */
export function isSealedSecrets(value: unknown): value is SealedSecrets {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every(
    one => typeof one === 'object' && one !== null && typeof (one as Partial<Sealed>).sealed === 'string',
  )
}

function namesFault(names: readonly string[], variables: Variables): string {
  if (names.length > MAX_SECRETS) return `${names.length} secrets are too many, ${MAX_SECRETS} are the most`
  for (const name of names) {
    const fault = nameFault(name)
    if (fault !== '') return fault
    if (Object.hasOwn(variables, name)) return `${name} is given twice, as a variable and as a secret`
  }
  return ''
}

function textFault(text: unknown): string {
  if (typeof text !== 'string') return 'is no text'
  if (text === '') return 'is empty'
  if (text === MASK) return 'is what a controller shows in place of one'
  if (!text.isWellFormed() || text.includes('\0')) return 'has characters that no text has'
  if (isTemplate(text))
    return 'holds a template expression ({{, {% or {#, or #jinja2: at its beginning), which might be worked out where the job runs'
  const bytes = Buffer.byteLength(text)
  return bytes > MAX_SECRET_BYTES ? `has ${bytes} bytes, ${MAX_SECRET_BYTES} are the most` : ''
}
