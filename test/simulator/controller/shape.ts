/** Values that must be the same, wherever they stand: they say what happened, not when or under which id. */
const EXACT = new Set([
  'type',
  'name',
  'status',
  'failed',
  'limit',
  'skip_tags',
  'launch_type',
  'inventory',
  'job_type',
  'ignored_fields',
  'job_explanation',
  'extra_vars',
  'enabled',
  'host_name',
  'detail',
  'event',
  'retry_counts',
  'can_cancel',
  'can_update',
  'host_status_counts',
  'dark',
  'failures',
  'ok',
  'changed',
  'hosts',
  'children',
  'username',
  'scope',
  'start',
  'description',
  'variables',
])

/** Objects whose keys are data: their inside is not compared. */
const OPAQUE = new Set([
  'event_data',
  'artifacts',
  'job_env',
  'analytics_collectors',
  'license_info',
  'object_roles',
  'summary_fields.recent_jobs',
  'instances',
  'become_methods',
  'playbook_counts',
])

export type Tolerance = { ignore?: readonly string[] }

/**
 * How an answer differs from a recorded one: keys that are missing or too many, values of another type, and values of the keys above.
 * A list is compared element by element as far as both go; a null stands for a value of any type only when `ignore` names its key.
 */
export function differences(recorded: unknown, actual: unknown, { ignore = [] }: Tolerance = {}, path = ''): string[] {
  const key = path.split('.').at(-1) ?? ''
  if (ignore.includes(key) || ignore.includes(path) || OPAQUE.has(key) || OPAQUE.has(path)) return []
  if (isObject(recorded) && isObject(actual)) {
    const missing = Object.keys(recorded).filter(name => !(name in actual) && !ignore.includes(name))
    const extra = Object.keys(actual).filter(name => !(name in recorded) && !ignore.includes(name))
    return [
      ...missing.map(name => `${path}.${name}: missing`),
      ...extra.map(name => `${path}.${name}: not recorded`),
      ...Object.keys(recorded)
        .filter(name => name in actual)
        .flatMap(name => differences(recorded[name], actual[name], { ignore }, path === '' ? name : `${path}.${name}`)),
    ]
  }
  if (Array.isArray(recorded) && Array.isArray(actual)) {
    const empty = recorded.length > 0 && actual.length === 0 ? [`${path}: empty`] : []
    const pairs = Math.min(recorded.length, actual.length)
    return [
      ...empty,
      ...Array.from({ length: pairs }, (_, index) =>
        differences(recorded[index], actual[index], { ignore }, `${path}[${index}]`),
      ).flat(),
    ]
  }
  if (typeOf(recorded) !== typeOf(actual)) return [`${path}: ${typeOf(actual)} in place of ${typeOf(recorded)}`]
  if (!path.includes('related.') && EXACT.has(key.replace(/\[\d+\]$/, '')) && recorded !== actual) {
    return [`${path}: ${JSON.stringify(actual)} in place of ${JSON.stringify(recorded)}`]
  }
  return []
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
}
