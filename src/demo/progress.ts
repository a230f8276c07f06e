import { type Api } from '../cli/api.ts'
import { Fault } from '../errors.ts'
import { FAILING_GUEST, NEW_GUEST } from '../simulator/cast/story.ts'
import { pause } from '../waiting.ts'

/** Guests that the patch job of the demo is for: they were there before, run, and nobody else touches them. */
export const PATCHED = ['web-2.shop.prod-1', 'db-1.shop.prod-1']

const hostOf = ({ namespace, name, cluster }: { namespace: string; name: string; cluster: string }): string =>
  `${name}.${namespace}.${cluster}`

export const ONBOARDED = hostOf(NEW_GUEST)
export const FAILED = hostOf(FAILING_GUEST)

/** How long one thing of the demo may take before it is said not to have come true, in ms at speed 1. */
const PATIENCE_MS = 90_000
const LOOK_EVERY_MS = 200

/** Looks until `done` says yes. Throws a Fault that names what did not come true. */
export async function waitFor(what: string, done: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!signal.aborted) {
    if (await done().catch(() => false)) return
    if (performance.now() > end)
      throw new Fault('demo', `${what}: not in ${PATIENCE_MS / 1000} s`, {
        hint: 'the events above show how far it came; --fresh begins anew',
      })
    await pause(LOOK_EVERY_MS, signal)
  }
}

/** The hosts of the inventory, or null while it is closed. */
export async function inventoryHosts(api: Api): Promise<readonly string[] | null> {
  try {
    const inventory = (await api.get('/api/v1/inventory')) as { _meta: { hostvars: Record<string, unknown> } }
    return Object.keys(inventory._meta.hostvars)
  } catch {
    return null
  }
}

/** What a verb came to on a host: `ok`, `failed`, `running`, … or empty. */
export async function verbStatus(api: Api, host: string, verb: string): Promise<string> {
  const found = (await api.get(`/api/v1/explain/${host}`)) as { verbs: readonly { verb: string; status: string }[] }
  return found.verbs.find(each => each.verb === verb)?.status ?? ''
}
