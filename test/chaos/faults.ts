import { isList, isWatch, laterPages } from '../../src/simulator/kube/faults.ts'
import type { KubeApiserver } from '../servers/kube-apiserver.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import type { KubeProxy } from './kube-proxy.ts'

/** What stands between a watcher and its API server. */
export interface Between {
  readonly api: KubeApiserver
  readonly tcp: TcpProxy
  readonly http: KubeProxy
}

/** What may go wrong between the bridge and an API server; each ends by itself, or is ended by `calm`. */
export const FAULTS: Readonly<Record<string, (between: Between) => unknown>> = {
  'every connection is reset': ({ tcp, http }) => {
    tcp.cut()
    http.cut()
  },
  'connections are half open': ({ tcp }) => tcp.freeze(),
  'new connections are refused': ({ tcp, http }) => {
    tcp.refuse(true)
    tcp.cut()
    http.plan({ kind: 'hang' }, () => true, 1)
  },
  'watches are cut in the middle of a line': ({ http }) => {
    http.plan({ kind: 'cut' }, request => request?.verb === 'watch', 3)
    http.cut()
  },
  '429 and 500 come in a burst': ({ http }) => {
    http.plan({ kind: 'status', code: 429, headers: { 'retry-after': '1' } }, () => true, 4)
    http.plan({ kind: 'status', code: 500 }, () => true, 8)
    http.cut()
  },
  'watches are not answered': ({ http }) => {
    http.plan({ kind: 'hang' }, isWatch, 1)
    http.cut()
  },
  'lists fail, or a later page of them': ({ http }) => {
    http.plan({ kind: 'status', code: 500 }, request => isList(request) || laterPages(request), 3)
    http.cut()
  },
  'streaming lists are refused': ({ http }) => {
    http.oldLists = !http.oldLists
  },
  'the API server is killed': ({ api }) => api.restart('SIGKILL'),
  'the API server is restarted': ({ api }) => api.restart('SIGTERM'),
  'etcd is compacted, and the API server has forgotten': async ({ api, tcp, http }) => {
    await api.compact()
    await api.restart('SIGKILL')
    tcp.cut()
    http.cut()
  },
}

/** Nothing goes wrong any more. */
export function calm({ tcp, http }: Between): void {
  tcp.refuse(false)
  http.calm()
}
