import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { isWatch, laterPages, type Match } from '../../src/simulator/kube/faults.ts'
import { Herd } from '../chaos/herd.ts'
import { disagreement } from '../chaos/judge.ts'
import { KubeProxy } from '../chaos/kube-proxy.ts'
import { startWatcher, type Watcher, type WatcherOptions } from '../chaos/watcher.ts'
import { BRIDGE, startWorld } from '../kube/world.ts'
import { randomOf } from '../laws/chaos.ts'
import type { KubeApiserver } from '../servers/kube-apiserver.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { VirtController } from '../support/virt.ts'

const PATIENT = { timeout: 60_000, interval: 50 }
/** The binding that is shipped: by it the account of both watchers may read. */
const BINDING = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/virtbridge'

/**
 * What may go wrong between the bridge and a real API server, one after the other, for two watchers: one through a proxy that carries
 * bytes (TLS, HTTP/2), one through a proxy that speaks HTTP/1.1. After each, who heard the events alone and who reads the stored state
 * know what the API server says; no fact has two ids, none is out of order, and what was missed is marked.
 */
export function describeFaults(apiOf: () => KubeApiserver): void {
  describe('nothing is lost, invented or told out of order when', () => {
    const stack = new AsyncDisposableStack()
    let api: KubeApiserver
    let herd: Herd
    let tcp: TcpProxy
    let http: KubeProxy
    let token = ''
    let valid = ''
    let overTcp: Watcher
    let overHttp: Watcher
    let folders: readonly string[] = []

    const httpOptions = (): WatcherOptions => ({
      folder: folders[1] ?? '',
      url: http.url,
      ca: '',
      token: () => Promise.resolve(token),
      reflect: { pageSize: 3 },
    })

    beforeAll(async () => {
      api = apiOf()
      folders = [stack.use(await temporaryFolder()).path, stack.use(await temporaryFolder()).path]
      tcp = stack.use(await TcpProxy.before(Number(new URL(api.url).port)))
      http = stack.use(await KubeProxy.before(api))
      valid = await shippedToken(api)
      token = valid
      herd = await Herd.make(api.client, 'faults', 6, randomOf(7))
      overTcp = await startWatcher({
        folder: folders[0] ?? '',
        url: `https://127.0.0.1:${tcp.port}`,
        ca: api.ca,
        token: () => Promise.resolve(valid),
        requestTimeoutMs: 1_000,
        reflect: { stallMs: 1_000 },
      })
      overHttp = await startWatcher(httpOptions())
      await vi.waitUntil(() => [overTcp, overHttp].every(({ watch }) => watch.record.status === 'synced'), PATIENT)
    })
    afterAll(async () => {
      await Promise.all([overTcp[Symbol.asyncDispose](), overHttp[Symbol.asyncDispose]()])
      await stack.disposeAsync()
    })

    const happen = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) await herd.happen()
    }
    /** Waits until all say the same; gives what is wrong with the events. */
    const agree = async (): Promise<readonly string[]> => [
      ...(await disagreement(overTcp.log, api.client)),
      ...(await disagreement(overHttp.log, api.client)),
    ]
    const cause = (watcher: Watcher): string => watcher.watch.record.cause

    test('the API server is killed in the middle of it all and comes back', async () => {
      await happen(6)
      const asked = herd.ask(50)
      await api.kill('SIGKILL')
      await asked
      await api.start()
      await happen(3)
      expect(await agree()).toEqual([])
    })

    test('the API server ends each watch in the ordinary way, again and again', async () => {
      await overHttp[Symbol.asyncDispose]()
      overHttp = await startWatcher({ ...httpOptions(), reflect: { pageSize: 3, watchSeconds: { min: 1, spread: 1 } } })
      const before = http.ended
      while (http.ended < before + 6) await happen(1)
      expect(await agree()).toEqual([])
      await overHttp[Symbol.asyncDispose]()
      overHttp = await startWatcher(httpOptions())
    })

    test('a watch is cut in the middle of a line', async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        http.plan({ kind: 'cut' }, request => request?.verb === 'watch', 2)
        http.cut()
        await happen(3)
      }
      http.calm()
      expect(await agree()).toEqual([])
    })

    test('a connection is half open: nothing comes through, and nobody says so', async () => {
      tcp.freeze()
      await happen(3)
      expect(await agree()).toEqual([])
    })

    test('429 and 500 come in bursts', async () => {
      http.plan({ kind: 'status', code: 429, headers: { 'retry-after': '0' } }, () => true, 6)
      http.plan({ kind: 'status', code: 500 }, () => true, 6)
      http.cut()
      await happen(4)
      expect(await agree()).toEqual([])
    })

    test('the token expires (401) and another one takes its place', async () => {
      token = 'expired'
      http.cut()
      await expect.poll(() => cause(overHttp), PATIENT).toBe('unauthorized')
      await happen(3)
      token = valid
      expect(await agree()).toEqual([])
    })

    test('the role is taken away (403) and given back', async () => {
      await api.client.delete(BINDING)
      // The API server notices within a moment.
      await expect
        .poll(async () => {
          http.cut()
          await new Promise(resolve => setTimeout(resolve, 300))
          return cause(overHttp)
        }, PATIENT)
        .toBe('forbidden')
      await happen(3)
      await shippedToken(api)
      expect(await agree()).toEqual([])
    })

    test('a list fails on its third page, after a restart in which things changed', async () => {
      const virt = new VirtController(api.client)
      const namespace = await virt.freshNamespace('pages')
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await virt.createVm(namespace, name)
      expect(await agree()).toEqual([])
      await overHttp[Symbol.asyncDispose]()
      await happen(5)
      const { items } = await api.client.get<{ items: readonly object[] }>('/apis/kubevirt.io/v1/virtualmachines')
      // So few are on the third page that nobody would be asked about them.
      const pageSize = Math.ceil(items.length / 3)
      http.oldLists = true
      let [pages, failed] = [0, 0]
      const isThird: Match = request => {
        if (!laterPages(request) || request?.plural !== 'virtualmachines' || failed > 1) return false
        pages += 1
        failed += pages % 2 === 0 ? 1 : 0
        return pages % 2 === 0
      }
      http.plan({ kind: 'status', code: 500 }, isThird)
      overHttp = await startWatcher({ ...httpOptions(), reflect: { pageSize } })
      expect(await agree()).toEqual([])
      expect(failed).toBe(2)
      http.oldLists = false
      http.calm()
    })

    test('another cluster takes its place: nothing of it is believed, and what is known is held', async () => {
      const other = stack.use(await startWorld())
      other.server.access.grant(token, BRIDGE)
      other.addVm('stranger')
      http.retarget(other.server.url, '')
      await expect.poll(() => cause(overHttp), PATIENT).toBe('replaced')
      await happen(3)
      http.retarget(api.url, api.ca)
      expect(await agree()).toEqual([])
    })

    test('etcd is compacted while nobody watches: what was forgotten is listed (410)', async () => {
      const virt = new VirtController(api.client)
      const gone = await virt.createVm(await virt.freshNamespace('compacted'), 'gone')
      expect(await agree()).toEqual([])
      tcp.refuse(true)
      tcp.cut()
      http.plan({ kind: 'hang' }, isWatch, 1)
      http.cut()
      await happen(6)
      // Of a deletion nothing is left but that a list does not have it.
      await virt.delete(gone)
      await api.compact()
      await api.restart('SIGKILL')
      await happen(2)
      http.calm()
      http.cut()
      tcp.refuse(false)
      expect(await agree()).toEqual([])
    })
  })
}
