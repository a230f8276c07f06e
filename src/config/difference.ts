import type { Config } from './config.ts'

/** What differs between two configurations, by the paths of keys. */
export interface ConfigDifference {
  /** What counts at once. */
  readonly now: readonly string[]
  /** What counts after the next start alone. */
  readonly later: readonly string[]
}

/** What a running bridge takes over, by what the paths begin with. */
const RELOADED = [
  'inventory.views',
  'inventory.networks',
  'inventory.label_groups',
  'inventory.annotations',
  'inventory.formats',
  'inventory.max_shrink',
  'http.tokens',
  'profiles',
  'secrets',
]

/**
 * What another configuration changes. Of a list of named things each is named (`inventory.views.prod-web`), other values by their key. No
 * value is told: it may be of a token. Pure.
 */
export function differenceOf(before: Config, after: Config): ConfigDifference {
  const paths = changed(before, after, '')
  const isReloaded = (path: string): boolean => RELOADED.some(part => path === part || path.startsWith(`${part}.`))
  return { now: paths.filter(isReloaded), later: paths.filter(path => !isReloaded(path)) }
}

/** The configuration that runs after a reload: what counts at once is new, the rest as it was. */
export function reloaded(running: Config, next: Config): Config {
  const { views, networks, label_groups, annotations, formats, max_shrink } = next.inventory
  const { max_shrink: _, ...inventory } = running.inventory
  const shrink = max_shrink === undefined ? {} : { max_shrink }
  return {
    ...running,
    profiles: next.profiles,
    secrets: next.secrets,
    http: { ...running.http, tokens: next.http.tokens },
    inventory: { ...inventory, views, networks, label_groups, annotations, formats, ...shrink },
  }
}

function changed(before: unknown, after: unknown, path: string): readonly string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const [was, is] = [partsOf(before), partsOf(after)]
  // A named thing is told as a whole, whatever of it is other.
  const depth = path.split('.').length
  if (was === null || is === null || (depth > 2 && path !== '')) return [path]
  const names = [...new Set([...was.keys(), ...is.keys()])].sort()
  return names.flatMap(name => changed(was.get(name), is.get(name), path === '' ? name : `${path}.${name}`))
}

/** What has names in it: the keys of an object, or the things of a list; null for anything else. */
function partsOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (Array.isArray(value)) {
    const named = value.map((one: unknown) => [(one as { name?: unknown } | null)?.name, one] as const)
    if (!named.every(([name]) => typeof name === 'string')) return null
    return new Map(named as readonly (readonly [string, unknown])[])
  }
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : null
}
