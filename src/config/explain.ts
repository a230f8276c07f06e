import type { ErrorObject } from 'ajv'
import type { ConfigFault } from './fault.ts'

/** The path of a fault of the file as a whole. */
export const WHOLE = 'the file'

/** What a schema found, in words: each fault once, and no value that may be a secret. */
export function explain(errors: readonly ErrorObject[]): readonly ConfigFault[] {
  const faults = new Map<string, ConfigFault>()
  for (const error of errors) {
    // What each of several kinds lacks says less than that it is none of them, which comes too.
    if (/\/(anyOf|propertyNames)\//.test(error.schemaPath)) continue
    const inSecret = isSecret(error.schemaPath, error.parentSchema)
    const path = pathOf(inSecret ? error.instancePath.replace(/\/(env|file)$/, '') : error.instancePath)
    const fault = inSecret ? secretFault(path) : plainFault(path, error)
    faults.set(`${fault.path} ${fault.message}`, fault)
  }
  return [...faults.values()]
}

function isSecret(schemaPath: string, parent: unknown): boolean {
  return schemaPath.includes('/oneOf') || (parent as { title?: string } | undefined)?.title === 'secret'
}

/** The value itself is not repeated: it may be the secret. */
function secretFault(path: string): ConfigFault {
  return { path, message: 'must name where the secret is, not be it', hint: 'write {env: NAME} or {file: /path}' }
}

function plainFault(path: string, error: ErrorObject): ConfigFault {
  const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {})
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        path: join(path, String(error.params['additionalProperty'])),
        message: 'unknown key',
        hint: `known here: ${known.join(', ')}`,
      }
    case 'required':
      return { path: join(path, String(error.params['missingProperty'])), message: 'is missing', hint: '' }
    case 'type':
      return {
        path: path || WHOLE,
        message: TYPES.get(String(error.params['type'])) ?? error.message ?? 'is of another type',
        hint: path === '' ? 'it is a map of key: value' : '',
      }
    case 'enum':
      return {
        path,
        message: 'is none of the choices',
        hint: `one of ${(error.params['allowedValues'] as string[]).join(', ')}`,
      }
    case 'propertyNames':
      return {
        path: join(path, String(error.params['propertyName'])),
        message: 'can not stand here',
        hint: `a name of a ${whose(path)}: a lower-case letter, then letters, digits and underscores`,
      }
    case 'anyOf':
      return { path, message: 'is none of what may stand here', hint: 'a number from 1 to 65535, or a name of a port' }
    case 'pattern':
      return {
        path,
        message: 'is not well formed',
        hint:
          PATTERN_HINTS.get(path.replace(/\.\d+/g, '').split('.').at(-1) ?? '') ??
          `must match ${String(error.params['pattern'])}`,
      }
    default:
      return { path, message: error.message ?? 'is wrong', hint: '' }
  }
}

/** What YAML calls the types of JSON. */
const TYPES = new Map([
  ['array', 'must be a list: [one, two]'],
  ['object', 'must be a map: {key: value}'],
  ['string', 'must be a text'],
  ['boolean', 'must be true or false'],
  ['integer', 'must be a whole number'],
  ['number', 'must be a number'],
])

/** What has its names at this path. */
function whose(path: string): string {
  if (path === 'verbs') return 'verb'
  return path.endsWith('.variables') ? 'variable' : 'group'
}

const PATTERN_HINTS = new Map([
  ['listen', 'host:port, as 127.0.0.1:8080 or [::1]:8080'],
  ['name', 'a DNS label: lower-case letters, digits and dashes, at most 63'],
  ['url', 'starts with https:// or http://'],
])

function pathOf(pointer: string): string {
  return pointer.split('/').slice(1).join('.')
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
