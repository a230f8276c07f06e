import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { KubeClient, type Observed, PATHS, reflect, type ReflectOptions, withToken } from '../../src/kube/index.ts'
import { Access, HUB_VIEW, type Identity, SERVICES_VIEW, VIEW } from '../../src/simulator/kube/access.ts'
import { CLUSTER_RESOURCES, VMIS, VMS } from '../../src/simulator/kube/resource.ts'
import { type KubeServer, type KubeServerOptions, startKubeServer } from '../../src/simulator/kube/server.ts'
import { Store, type StoreOptions } from '../../src/simulator/kube/store.ts'

export const BACKOFF = { initialMs: 1, maxMs: 5 }
export const SOON = { timeout: 60_000, interval: 4 }
export const TOKEN = 'token'
/** May do what the roles that are shipped let it, and nothing else. */
export const BRIDGE: Identity = { user: 'bridge', rules: [...VIEW, ...SERVICES_VIEW, ...HUB_VIEW] }

/** A simulated API server with the namespace `shop`, and words to write into it. */
export interface World extends AsyncDisposable {
  readonly server: KubeServer
  readonly store: Store
  addVm(name: string, labels?: Record<string, string>): string
  removeVm(name: string): void
  relabel(name: string, labels: Record<string, string>): void
  /** A running VMI with an agent and an address. Gives its uid. */
  boot(name: string, values?: { node?: string; address?: string; phase?: string }): string
  halt(name: string): void
}

export async function startWorld(
  options: Partial<KubeServerOptions> = {},
  storeOptions: Partial<StoreOptions> = {},
): Promise<World> {
  const access = new Access()
  access.grant(TOKEN, BRIDGE)
  const store = new Store({ resources: CLUSTER_RESOURCES, seed: 'test', now: Date.now, ...storeOptions })
  store.ensureNamespace('shop')
  const server = await startKubeServer({ store, access, ...options })
  const ref = (name: string): { namespace: string; name: string } => ({ namespace: 'shop', name })
  return {
    server,
    store,
    addVm(name, labels = {}) {
      const spec = { runStrategy: 'Always', template: { spec: { domain: { devices: {} } } } }
      return store.create(VMS, { metadata: { ...ref(name), labels }, spec }).metadata.uid
    },
    removeVm: name => void store.remove(VMS, ref(name)),
    relabel: (name, labels) => void store.patch(VMS, ref(name), { metadata: { labels } }),
    boot(name, { node = 'node-1', address = '10.0.0.1', phase = 'Running' } = {}) {
      const owner = store.get(VMS, ref(name))?.metadata.uid ?? ''
      return store.create(VMIS, {
        metadata: {
          ...ref(name),
          ownerReferences: [{ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid: owner }],
        },
        spec: { domain: { devices: {} }, networks: [{ name: 'default', pod: {} }] },
        status: {
          phase,
          nodeName: node,
          conditions: [{ type: 'AgentConnected', status: 'True' }],
          guestOSInfo: { id: 'rhel', name: 'RHEL', versionId: '9.4' },
          interfaces: [{ name: 'default', interfaceName: 'eth0', ipAddress: address, infoSource: 'domain' }],
        },
      }).metadata.uid
    },
    halt: name => void store.remove(VMIS, ref(name)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** A client of a URL. `token` is asked each time. However busy the machine is, an answer that comes at all comes in time. */
export function clientOf(
  url: string,
  token: () => Promise<string> = () => Promise.resolve(TOKEN),
  requestTimeoutMs = 60_000,
): KubeClient {
  return new KubeClient({ connection: withToken({ url, ca: '', token }), userAgent: 'test', requestTimeoutMs })
}

/** What a reflector of VM names said so far, in words: `listed a b`, `changed a`, `gone a`, `watching`, `unavailable forbidden`. */
export interface Heard extends AsyncDisposable {
  readonly words: string[]
  readonly all: Observed<Named>[]
  /** The reader takes nothing more after these words until it is released. */
  holdAt: string
  release(): void
}

export interface Named {
  readonly name: string
  readonly version: string
}

/** Runs a reflector of VirtualMachines until it is disposed. */
export function hear(client: KubeClient, options: Partial<ReflectOptions> = {}): Heard {
  const stop = new AbortController()
  const all: Observed<Named>[] = []
  const free = Promise.withResolvers<void>()
  const heard: Heard = {
    words: [],
    all,
    holdAt: '',
    release: () => free.resolve(),
    async [Symbol.asyncDispose]() {
      stop.abort()
      heard.release()
      await done
    },
  }
  const resource = { path: PATHS.virtualmachines, project: named, keyOf: (vm: Named) => vm.name }
  const read = async (): Promise<void> => {
    const settings = { signal: stop.signal, verify: () => Promise.resolve(), backoff: BACKOFF, ...options }
    for await (const observed of reflect(client, resource, settings)) {
      all.push(observed)
      heard.words.push(inWords(observed))
      if (heard.words.at(-1) === heard.holdAt) await free.promise
    }
  }
  const done = read()
  return heard
}

function named(object: unknown): Named {
  const { metadata } = object as { metadata: { name: string; resourceVersion: string } }
  return { name: metadata.name, version: metadata.resourceVersion }
}

function inWords(observed: Observed<Named>): string {
  if (observed.kind === 'listed' || observed.kind === 'audited')
    return [observed.kind, ...observed.objects.keys()].join(' ')
  if (observed.kind === 'changed' || observed.kind === 'gone') return `${observed.kind} ${observed.object.name}`
  return observed.kind === 'unavailable' ? `unavailable ${observed.error.kind}` : observed.kind
}

/**
 * A server that answers as its script says: what no well-behaved server sends. Counts its requests. Streaming lists it refuses, as
 * older servers do, unless they are in the script too.
 */
export async function startScripted(
  answer: (path: string, response: ServerResponse, count: number) => void,
  { streams = false } = {},
): Promise<{ url: string; readonly count: number } & AsyncDisposable> {
  let count = 0
  const server = createServer((request: IncomingMessage, response) => {
    const path = request.url ?? ''
    if (!streams && path.includes('sendInitialEvents')) {
      response.statusCode = 422
      response.end()
    } else answer(path, response, (count += 1))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get count() {
      return count
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Writes a kubeconfig of one context `prod` and gives its path. */
export async function kubeconfigIn(folder: string, cluster: object, user: object): Promise<string> {
  const file = join(folder, 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'prod',
    clusters: [{ name: 'prod', cluster }],
    users: [{ name: 'bridge', user }],
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'bridge' } }],
  }
  await writeFile(file, stringify(config), { mode: 0o600 })
  return file
}
