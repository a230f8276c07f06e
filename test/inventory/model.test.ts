import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { InventoryCache, ownRendering, type View } from '../../src/inventory/index.ts'
import { numberOf } from '../../src/inventory/ranges.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'
import { naiveDocument } from './naive.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: true, labels: ['app'], maxPerLabel: 2 }
const SHORT = ownRendering('slim', GROUPS, { hostName: [{ field: 'name' }] })
const VIEWS: readonly View[] = [
  viewOfAll('whole', GROUPS),
  viewOfAll('slim', { builtin: false, labels: ['app'], maxPerLabel: 2 }, 'slim'),
  { ...viewOfAll('running', GROUPS), status: ['Running'] },
  { ...viewOfAll('short', GROUPS), rendering: SHORT },
]

/** Names of which every second begins a range of hosts, and of those some a range of groups. */
const NAMES = namesThat(host => numberOf(host) % 256 === 0, 6)
const OTHERS = namesThat(host => numberOf(host) % 256 !== 0, 5)
/** Names that are those of groups, or of hosts elsewhere. */
const ODD = ['all', 'ungrouped', 'status_running', 'label_app_a', 'vm-0.shop.prod-1']

function namesThat(holds: (host: string) => boolean, count: number): readonly string[] {
  const found: string[] = []
  for (let n = 0; found.length < count; n += 1) if (holds(`vm-${n}.shop.prod-1`)) found.push(`vm-${n}`)
  return found
}

const change = fc.record({
  what: fc.constant('change' as const),
  name: fc.constantFrom(...NAMES, ...OTHERS, ...ODD),
  namespace: fc.constantFrom('shop', 'shop', 'web'),
  app: fc.constantFrom('', 'a', 'b', 'c', 'd'),
  status: fc.constantFrom('Running', 'Stopped'),
  gone: fc.boolean(),
})
const read = fc.record({
  what: fc.constant('read' as const),
  view: fc.constantFrom(...VIEWS.map(({ name }) => name)),
  coding: fc.constantFrom('plain', 'gzip', 'zstd'),
  politely: fc.boolean(),
})

const decoders = { gzip: gunzipSync, zstd: zstdDecompressSync }

function recordOf({ name, namespace, app, status }: { name: string; namespace: string; app: string; status: string }) {
  // No two of them claim one address: that is for others to test.
  const address = `10.${namespace === 'shop' ? 1 : 2}.0.${[...NAMES, ...OTHERS, ...ODD].indexOf(name)}`
  return {
    ...guest(name, { address, seen: { status, labels: app === '' ? {} : { app } } }),
    namespace,
    uid: `${namespace} ${name}`,
  }
}

function open(fleet: Fleet): InventoryCache {
  return new InventoryCache({
    fleet,
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    views: VIEWS,
    verbsOf: () => ({ onboard: 'ok', patch: '' }),
    now: () => NOW,
  })
}

async function bytesOf(
  cache: InventoryCache,
  view: string,
  coding: string,
): Promise<readonly [etag: string, text: string]> {
  const document = cache.read(NOW, view)
  if (document.kind === 'closed') throw new Error('closed')
  if (coding === 'plain') return [document.etag, document.body]
  const encoded = await document.encoded(coding as 'gzip' | 'zstd')
  const whole = Buffer.concat(encoded.chunks)
  expect(whole).toHaveLength(encoded.length)
  return [document.etag, decoders[coding as 'gzip' | 'zstd'](whole).toString()]
}

test('whatever happens to the fleet and whoever reads meanwhile: each document is what the fleet of now would be written as at once, in every coding, and its ETag is another exactly when its bytes are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof({ weight: 3, arbitrary: change }, read), { maxLength: 40 }), async steps => {
      const fleet = new Fleet()
      fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
      using cache = open(fleet)
      const seen = new Map<string, string>()
      const check = async (view: string, coding: string): Promise<void> => {
        const [etag, text] = await bytesOf(cache, view, coding)
        expect(text).toBe(naiveOf(fleet, view))
        expect(seen.get(etag) ?? text).toBe(text)
        expect(new Map([...seen].map(([tag, body]) => [body, tag])).get(text) ?? etag).toBe(etag)
        seen.set(etag, text)
      }
      for (const step of steps) {
        if (step.what === 'change') {
          const record = recordOf(step)
          fleet.apply({ key: vmKey(record), value: step.gone ? null : record })
          continue
        }
        if (step.politely) await cache.prepare(step.view)
        await check(step.view, step.coding)
      }
      using anew = open(fleet)
      for (const { name } of VIEWS) {
        await check(name, 'plain')
        expect(await bytesOf(anew, name, 'zstd')).toEqual(await bytesOf(cache, name, 'gzip'))
      }
    }),
    { numRuns: 150 },
  )
})

function naiveOf(fleet: Fleet, name: string): string {
  const view = VIEWS.find(one => one.name === name)
  if (view === undefined) throw new Error(name)
  const standing = { staleness: 'fresh', conflict: false, lost: [], verbs: { onboard: 'ok', patch: '' } } as const
  return naiveDocument([...fleet.vms.values()], view, () => standing)
}
