import { expect, test } from 'vitest'
import { Herd } from '../chaos/herd.ts'
import { adopt, killAgainAndAgain } from '../chaos/kills.ts'
import { startWatcher, type Watcher } from '../chaos/watcher.ts'
import { all } from '../cluster/bridge.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'
import { randomOf } from '../laws/chaos.ts'
import type { KubeApiserver } from '../servers/kube-apiserver.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { VirtController } from '../support/virt.ts'

const KILLS = 10

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

/** The scenario on which five tools were measured, each of which lost something: 50 deletions, 50 creations, 100 changes, 10 made anew. */
export function describeAbsence(apiOf: () => KubeApiserver): void {
  test('of 1,000 VMs, what was deleted (50), created (50), changed (100) and made anew (10) meanwhile is told exactly, and nothing else', async () => {
    const api = apiOf()
    const virt = new VirtController(api.client)
    await using folder = await temporaryFolder()
    const watching = (): Promise<Watcher> =>
      startWatcher({ folder: folder.path, url: api.url, ca: api.ca, token: () => Promise.resolve(api.adminToken) })
    const vms = Array.from({ length: 1_000 }, (_, n) => {
      return { namespace: `many-${n % 50}`, name: `vm-${Math.floor(n / 50)}`, uid: '' }
    })
    await adopt(api, folder.path)
    let before = 0
    {
      await using watcher = await watching()
      await expect.poll(() => watcher.watch.record.status, { timeout: 30_000 }).toBe('synced')
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
      .poll(facts, { timeout: 30_000, interval: 100 })
      .toEqual({ 'deleted sync gap': 60, 'created sync gap': 60, 'labels_changed sync gap': 100 })
  })
}
