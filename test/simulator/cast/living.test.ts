import { describe, expect, test } from 'vitest'
import type { ClusterName } from '../../../src/simulator/cast/cast.ts'
import { CAST, CLUSTERS } from '../../../src/simulator/cast/cast.ts'
import { vmOf } from '../../../src/simulator/cast/guest-vm.ts'
import { Journal } from '../../../src/simulator/cast/journal.ts'
import type { Inhabitant } from '../../../src/simulator/cast/living.ts'
import { inhabitants, smallAct } from '../../../src/simulator/cast/living.ts'
import { performOp } from '../../../src/simulator/cast/op.ts'
import { live } from '../../../src/simulator/cast/play.ts'
import { CLUSTER_RESOURCES, MIGRATIONS, VMS } from '../../../src/simulator/kube/resource.ts'
import { Store } from '../../../src/simulator/kube/store.ts'
import { startVirt } from '../../../src/simulator/virt/virt.ts'
import { ManualClock } from '../virt/manual-clock.ts'

function fleet() {
  const clock = new ManualClock()
  const stores = new Map<ClusterName, Store>()
  for (const name of CLUSTERS) {
    const store = new Store({ resources: CLUSTER_RESOURCES, seed: name, now: () => clock.now() })
    for (const sketch of CAST[name]) performOp(store, { do: 'create', cluster: name, sketch })
    startVirt({ store, cluster: name, nodes: ['n1', 'n2'], seed: name, clock, speed: 1 })
    stores.set(name, store)
  }
  return { clock, stores }
}

function storeOf(stores: ReadonlyMap<ClusterName, Store>, name: ClusterName): Store {
  const store = stores.get(name)
  if (store === undefined) throw new Error(`no store ${name}`)
  return store
}

describe('life after the story', () => {
  test('goes on for an hour within its bounds, does everything it knows, and never deletes one of the cast', async () => {
    const { clock, stores } = fleet()
    await clock.advance(60_000)
    const journal = new Journal(storeOf(stores, 'dev-1'))
    const stop = new AbortController()
    const verbs = new Map<string, number>()
    const living = live({ stores, journal, clock, speed: 1, seed: 'seed' }, 6000, {
      signal: stop.signal,
      tell: act => act.ops.forEach(op => verbs.set(op.do, (verbs.get(op.do) ?? 0) + 1)),
    })
    for (let minutes = 0; minutes < 60; minutes += 5) {
      await clock.advance(5 * 60_000)
      for (const name of CLUSTERS) {
        const store = storeOf(stores, name)
        const names = store.list(VMS).map(({ metadata }) => metadata.name)
        expect(names).toEqual(expect.arrayContaining(CAST[name].map(sketch => sketch.name)))
        expect(names.length).toBeLessThanOrEqual(CAST[name].length + 2)
        expect(inhabitants(stores).filter(each => each.cluster === name && each.stopped).length).toBeLessThanOrEqual(3)
        expect(store.list(MIGRATIONS).length).toBeLessThanOrEqual(5 * names.length + 2)
      }
    }
    stop.abort()
    await living
    expect([...verbs.keys()].toSorted()).toEqual(['create', 'delete', 'migrate', 'start', 'stop'])
    expect(journal.read('living')).toBeGreaterThan(500)
  })

  test('is a function of seed, count and who is there', () => {
    const here = ['a', 'b', 'c'].map((name): Inhabitant => ({
      cluster: 'dev-1',
      namespace: 'shop',
      name,
      incarnation: 1,
      transient: false,
      stopped: false,
      atEase: true,
    }))
    const run = (seed: string) => Array.from({ length: 50 }, (_, count) => smallAct(here, seed, count)?.tell)
    expect(run('one')).toEqual(run('one'))
    expect(run('one')).not.toEqual(run('two'))
  })
})

describe('an op', () => {
  const ref = { namespace: 'shop', name: 'web-1' }
  const sketch = { ...ref, os: 'rhel9' } as const

  test('done twice is done once', async () => {
    const { clock, stores } = fleet()
    const store = storeOf(stores, 'dev-1')
    await clock.advance(60_000)
    for (const op of [
      { do: 'create', cluster: 'dev-1', sketch },
      { do: 'migrate', cluster: 'dev-1', ref, name: 'm-1' },
      { do: 'stop', cluster: 'dev-1', ref },
      { do: 'start', cluster: 'dev-1', ref },
    ] as const) {
      expect(performOp(store, op)).toBe('done')
      await clock.advance(60_000)
      const { revision } = store
      expect(performOp(store, op)).toBe('done')
      await clock.advance(60_000)
      expect(store.revision).toBe(revision)
    }
  })

  test('that makes a name again waits for its last holder to go, and does not delete the next one', async () => {
    const { clock, stores } = fleet()
    const store = storeOf(stores, 'dev-1')
    await clock.advance(60_000)
    const remove = { do: 'delete', cluster: 'dev-1', ref, incarnation: 1 } as const
    const create = { do: 'create', cluster: 'dev-1', sketch: { ...sketch, incarnation: 2 } } as const
    performOp(store, remove)
    expect(performOp(store, create)).toBe('wait')
    await clock.advance(60_000)
    expect(performOp(store, create)).toBe('done')
    const made = store.get(VMS, ref)?.metadata.uid
    performOp(store, remove)
    await clock.advance(60_000)
    expect(store.get(VMS, ref)?.metadata.uid).toBe(made)
  })

  test('on nobody is done, and a migration of a stopped guest waits', () => {
    const store = new Store({ resources: CLUSTER_RESOURCES, seed: 's', now: () => 0 })
    expect(performOp(store, { do: 'stop', cluster: 'dev-1', ref })).toBe('done')
    store.ensureNamespace('shop')
    store.create(VMS, vmOf(sketch))
    expect(performOp(store, { do: 'migrate', cluster: 'dev-1', ref, name: 'm' })).toBe('wait')
  })
})
