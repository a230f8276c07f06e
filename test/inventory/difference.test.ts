import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { type Document, InventoryCache, ownRendering } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: false, labels: ['app'], maxPerLabel: 1 }
const SHORT = ownRendering('slim', GROUPS, { hostName: [{ field: 'name' }] })

/** A view in which the label app makes one group, the first by name; and the same by short names. */
function world() {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  const cache = new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    views: [viewOfAll('v', GROUPS, 'slim'), { ...viewOfAll('short', GROUPS), rendering: SHORT }],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const read = (view: string): Document => {
    const inventory = cache.read(NOW, view)
    if (inventory.kind === 'closed') throw new Error('closed')
    return inventory
  }
  return {
    cache,
    read,
    /** `app` empty: the VM is deleted. */
    put: (name: string, app: string): void => {
      const record = guest(name, { seen: { labels: { app } } })
      fleet.apply({ key: vmKey(record), value: app === '' ? null : record })
    },
  }
}

/** What a document tells of each host: its variables, and its groups. */
function told({ body }: Document): ReadonlyMap<string, string> {
  const { _meta, ...groups } = JSON.parse(body) as {
    _meta: { hostvars: Record<string, object> }
  } & Record<string, { hosts?: readonly string[] }>
  return new Map(
    Object.entries(_meta.hostvars).map(([host, vars]) => {
      const own = Object.keys(groups).filter(group => groups[group]?.hosts?.includes(host))
      return [host, JSON.stringify([vars, own])]
    }),
  )
}

test('a host that leaves a group, or comes into it, as others made one too many has changed', () => {
  const { cache, read, put } = world()
  put('web-1', 'b')
  put('web-2', 'c')
  const since = ({ etag }: Document): unknown => cache.differenceOf(etag, read('v').etag, 'v')
  const before = read('v')
  put('web-3', 'a')
  expect(since(before)).toEqual({ joined: ['web-3.shop.prod-1'], left: [], changed: ['web-1.shop.prod-1'] })
  const between = read('v')
  put('web-3', '')
  expect(since(between)).toEqual({ joined: [], left: ['web-3.shop.prod-1'], changed: ['web-1.shop.prod-1'] })
  cache[Symbol.dispose]()
})

test('of a later document all are named of whom it tells something else, whatever happened between', () => {
  const name = fc.constantFrom('web-1', 'web-2', 'web-3', 'web-4', 'web-5')
  const change = fc.record({ name, app: fc.constantFrom('', 'a', 'b', 'c'), view: fc.constantFrom('', 'v', 'short') })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 25 }), changes => {
      const { cache, read, put } = world()
      const seen = new Map<string, Document[]>(['v', 'short'].map(view => [view, []]))
      for (const { name: one, app, view } of changes) {
        put(one, app)
        if (view === '') continue
        const now = read(view)
        for (const before of seen.get(view) ?? []) {
          const found = cache.differenceOf(before.etag, now.etag, view)
          const [was, is] = [told(before), told(now)]
          const changed = [...is.keys()].filter(host => was.has(host) && was.get(host) !== is.get(host))
          expect(found?.joined).toEqual([...is.keys()].filter(host => !was.has(host)))
          expect(found?.changed).toEqual(expect.arrayContaining(changed))
        }
        seen.get(view)?.push(now)
      }
      cache[Symbol.dispose]()
    }),
    { numRuns: 200 },
  )
})
