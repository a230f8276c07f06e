import { expect, test } from 'vitest'
import { Herd } from '../chaos/herd.ts'
import { adopt, killAgainAndAgain } from '../chaos/kills.ts'
import { startWatcher, type Watcher } from '../chaos/watcher.ts'
import { all } from '../cluster/bridge.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'
import { randomOf } from '../laws/chaos.ts'
import { installCrds } from '../servers/crds.ts'
import type { KubeApiserver } from '../servers/kube-apiserver.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { VirtController } from '../support/virt.ts'

const KILLS = 10
const PATIENT = { timeout: 60_000, interval: 50 }

/** What no crash and no absence may lose. */
export function describeKills(apiOf: () => KubeApiserver): void {
  test(`a watcher that is killed (kill -9) at ${KILLS} random moments loses nothing, and repeats what it repeats with the same id`, async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
    console.log(`SEED=${seed}`)
    const random = randomOf(seed)
    await using folder = await temporaryFolder()
    const herd = await Herd.make(apiOf().client, `kills-${seed}`, 6, random)
    await adopt(apiOf(), folder.path)
    const wrong = await killAgainAndAgain({ api: apiOf(), herd, folder: folder.path, kills: KILLS, random })
    expect(wrong).toEqual([])
  })
}

/** Does something to all, a few at a time. */
async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items]
  const one = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item)
  }
  await Promise.all(Array.from({ length: 8 }, one))
}

/** A definition goes while nobody can reach the API server through the proxy: what is read next finds it gone. */
async function removeUnseen(api: KubeApiserver, proxy: TcpProxy, definition: string): Promise<void> {
  proxy.refuse(true)
  proxy.cut()
  await api.client.delete(definition)
  await expect.poll(async () => (await api.client.request('GET', definition)).status, PATIENT).toBe(404)
  proxy.refuse(false)
}

/** The scenario on which five tools were measured, each of which lost something: 50 deletions, 50 creations, 100 changes, 10 made anew. */
export function describeAbsence(apiOf: () => KubeApiserver): void {
  let tries = 0
  test('of 1,000 VMs, what was deleted (50), created (50), changed (100) and made anew (10) meanwhile is told exactly, and nothing else', async () => {
    const api = apiOf()
    const virt = new VirtController(api.client)
    await using folder = await temporaryFolder()
    const token = await shippedToken(api)
    const watching = (): Promise<Watcher> =>
      startWatcher({ folder: folder.path, url: api.url, ca: api.ca, token: () => Promise.resolve(token) })
    const thousand = Array.from({ length: 1_000 }, (_, n) => {
      return { namespace: `many-${n % 50}`, name: `vm-${Math.floor(n / 50)}`, uid: '' }
    })
    // Others at a second try: nobody did anything to them yet.
    const vms = thousand.slice(160 * tries)
    tries += 1
    await adopt(api, folder.path)
    let before = 0
    {
      await using watcher = await watching()
      await expect.poll(() => watcher.watch.record.status, { timeout: 60_000 }).toBe('synced')
      before = (await all(watcher.log, 'events.vm')).length
    }
    await each(vms.slice(0, 50), vm => virt.delete(vm))
    await each(vms.slice(0, 50), vm => virt.createVm(vm.namespace, `${vm.name}-new`))
    await each(vms.slice(50, 150), vm => virt.label(vm, { changed: 'yes' }))
    await each(vms.slice(150, 160), async vm => {
      await virt.delete(vm)
      await virt.createVm(vm.namespace, vm.name)
    })
    await using watcher = await watching()
    const facts = async (): Promise<Record<string, number>> => {
      const events = (await all(watcher.log, 'events.vm')).slice(before).map(({ value }) => value as Event<VmEventData>)
      const counts: Record<string, number> = {}
      for (const { data } of events) {
        const fact = `${data.fact} ${data.origin}${data.gap ? ' gap' : ''}`
        counts[fact] = (counts[fact] ?? 0) + 1
      }
      return counts
    }
    await expect
      .poll(facts, { timeout: 60_000, interval: 100 })
      .toEqual({ 'deleted sync gap': 60, 'created sync gap': 60, 'labels_changed sync gap': 100 })
  })
}

/** The last test of its VMs: they go with their definition. */
export function describeRemoval(apiOf: () => KubeApiserver): void {
  test('a definition that is removed (404) and comes back empty is no deletion: what is known is held, and a person is asked', async () => {
    const api = apiOf()
    const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualmachines.kubevirt.io'
    const virt = new VirtController(api.client)
    const namespace = await virt.freshNamespace('removed')
    for (const name of ['a', 'b', 'c']) await virt.createVm(namespace, name)
    await using folder = await temporaryFolder()
    await using proxy = await TcpProxy.before(Number(new URL(api.url).port))
    const token = await shippedToken(api)
    await using watcher = await startWatcher({
      folder: folder.path,
      url: `https://127.0.0.1:${proxy.port}`,
      ca: api.ca,
      token: () => Promise.resolve(token),
    })
    await expect.poll(() => watcher.watch.record.status, PATIENT).toBe('synced')
    const known = watcher.watch.record.vms
    expect(known).toBeGreaterThan(2)
    await removeUnseen(api, proxy, definition)
    await expect.poll(() => watcher.watch.record.cause, PATIENT).toBe('absent')
    await installCrds(api.client, ['virtualmachines.kubevirt.io'])
    await expect.poll(() => watcher.watch.record.status, PATIENT).toBe('held')
    expect(watcher.watch.record.missing).toBe(known)
    const facts = (await all(watcher.log, 'events.vm')).map(({ value }) => (value as Event<VmEventData>).data.fact)
    expect(new Set(facts)).toEqual(new Set(['discovered']))
  })

  test('of a cluster of two, a definition that is removed stops and deletes nobody before it is back and a whole list says so', async () => {
    const api = apiOf()
    const virt = new VirtController(api.client)
    const namespace = await virt.freshNamespace('two')
    for (const name of ['a', 'b']) await virt.boot(await virt.createVm(namespace, name))
    await using folder = await temporaryFolder()
    await using proxy = await TcpProxy.before(Number(new URL(api.url).port))
    const token = await shippedToken(api)
    let asked = 0
    await using watcher = await startWatcher({
      folder: folder.path,
      url: `https://127.0.0.1:${proxy.port}`,
      ca: api.ca,
      token: () => {
        asked += 1
        return Promise.resolve(token)
      },
    })
    await expect.poll(() => watcher.watch.record.status, PATIENT).toBe('synced')
    const facts = async (): Promise<readonly string[]> =>
      (await all(watcher.log, 'events.vm')).map(({ value }) => (value as Event<VmEventData>).data.fact).toSorted()
    const known = ['discovered', 'discovered']
    expect(await facts()).toEqual(known)
    for (const [name, fact] of [
      ['virtualmachineinstances.kubevirt.io', 'stopped'],
      ['virtualmachines.kubevirt.io', 'deleted'],
    ] as const) {
      const definition = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`
      await removeUnseen(api, proxy, definition)
      await expect.poll(() => watcher.watch.record.cause, PATIENT).toBe('absent')
      const before = asked
      await expect.poll(() => asked, PATIENT).toBeGreaterThan(before + 10)
      expect(await facts()).toEqual(known.toSorted())
      await installCrds(api.client, [name])
      known.push(fact, fact)
      await expect.poll(facts, PATIENT).toEqual(known.toSorted())
    }
  })
}
