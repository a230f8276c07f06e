import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault, messageOf } from '../../errors.ts'
import { Access } from './access.ts'
import type { Faults } from './faults.ts'
import type { Forward } from './front.ts'
import { Front } from './front.ts'
import type { Store } from './store.ts'
import type { OpenWatch, WatchLimits } from './watch.ts'

/** What a simulated API server is made of. */
export interface KubeServerOptions {
  store: Store
  access?: Access
  /** 0 takes a free one. */
  port?: number
  watch?: Partial<WatchLimits>
  forward?: Forward
}

/** A simulated API server that listens on 127.0.0.1. The faults are for tests: nothing of them is reachable over HTTP. */
export interface KubeServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly store: Store
  readonly access: Access
  readonly faults: Faults
  /** Watches being served now. */
  readonly watches: ReadonlySet<OpenWatch>
  /** How many requests were answered, by `verb plural` or by path. A watch that begins with a list counts as `list`. */
  readonly requests: ReadonlyMap<string, number>
  /** Stops listening and cuts every connection; the objects stay. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(): Promise<void>
}

/**
 * Starts a simulated API server.
 *
 * @throws Fault `port_in_use`, `port_forbidden` or `listen_failed` when it cannot listen
 */
export async function startKubeServer(options: KubeServerOptions): Promise<KubeServer> {
  const access = options.access ?? new Access()
  const front = new Front(options.store, access, options)
  let server = await listen(front, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  const down = async () => {
    front.endWatches()
    if (!server.listening) return
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    store: options.store,
    access,
    faults: front.faults,
    watches: front.watches,
    requests: front.requests,
    down,
    async up() {
      if (!server.listening) server = await listen(front, port)
    },
    [Symbol.asyncDispose]: down,
  }
}

async function listen(front: Front, port: number): Promise<Server> {
  const server = createServer((request, response) => void front.serve(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, port)))
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

function listenFault(error: NodeJS.ErrnoException, port: number): Fault {
  const code =
    error.code === 'EADDRINUSE' ? 'port_in_use' : error.code === 'EACCES' ? 'port_forbidden' : 'listen_failed'
  return new Fault(code, `the simulated cluster cannot listen on 127.0.0.1:${port}: ${messageOf(error)}`, {
    hint: 'choose another port, or end the program that holds this one',
    cause: error,
  })
}
