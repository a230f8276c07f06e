import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventLog } from '../../src/log/index.ts'
import { Herd } from '../chaos/herd.ts'
import { disagreement } from '../chaos/judge.ts'
import { adopt, killAgainAndAgain } from '../chaos/kills.ts'
import { startWatcher } from '../chaos/watcher.ts'
import { randomOf } from '../laws/chaos.ts'
import { type KubeApiserver, startKubeApiserver } from '../servers/kube-apiserver.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const KILLS = Number(process.env['KILLS'] ?? 200)
const PATIENT = { timeout: 60_000, interval: 100 }

let api: KubeApiserver
beforeAll(async () => {
  api = await startKubeApiserver({ crds: ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io'] })
}, 600_000)
afterAll(() => api[Symbol.asyncDispose]())

test(`a watcher that is killed (kill -9) at ${KILLS} random moments loses nothing`, async () => {
  console.log(`SEED=${SEED} KILLS=${KILLS}`)
  const random = randomOf(SEED)
  await using folder = await temporaryFolder()
  const herd = await Herd.make(api.client, `kills-${SEED}`, 6, random)
  await adopt(api, folder.path)
  expect(await killAgainAndAgain({ api, herd, folder: folder.path, kills: KILLS, random })).toEqual([])
})

test('a log that takes nothing for so long that the API server drops the watch: nothing is lost', async () => {
  await using folder = await temporaryFolder()
  const herd = await Herd.make(api.client, 'slow', 3, randomOf(SEED))
  let gate: Promise<void> = Promise.resolve()
  const token = await shippedToken(api)
  await using watcher = await startWatcher({
    folder: folder.path,
    url: api.url,
    ca: api.ca,
    token: () => Promise.resolve(token),
    through: log => slow(log, () => gate),
  })
  await expect.poll(() => watcher.watch.record.status, PATIENT).toBe('synced')
  const open = Promise.withResolvers<void>()
  gate = open.promise
  const filler = 'x'.repeat(30_000)
  const path = '/apis/kubevirt.io/v1/namespaces/slow/virtualmachines/vm-0'
  const before = await dropped(api)
  for (let turn = 0; (await dropped(api)) === before;) {
    const change = (): Promise<unknown> =>
      api.client.patch(path, { metadata: { labels: { turn: `slow-${(turn += 1)}` }, annotations: { filler } } })
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 20 }, change))
  }
  for (let turn = 0; turn < 5; turn += 1) await herd.happen()
  open.resolve()
  expect(await disagreement(watcher.log, api.client, 60_000)).toEqual([])
})

/** Watchers of VMs that the API server has given up because they did not read. */
async function dropped(api: KubeApiserver): Promise<number> {
  const { body } = await api.client.request('GET', '/metrics')
  return Number(/apiserver_terminated_watchers_total\{[^}]*virtualmachines"[^}]*\} (\d+)/.exec(String(body))?.[1] ?? 0)
}

/** A log whose appends wait for a gate. */
function slow(log: EventLog, gate: () => Promise<void>): EventLog {
  return new Proxy(log, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name === 'append')
        return async (entries: Parameters<EventLog['append']>[0]) => {
          await gate()
          return target.append(entries)
        }
      return value.bind(target) as unknown
    },
  })
}
