import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** One connection through the proxy: what the client holds, and what the server does. */
interface Pair {
  readonly client: Socket
  readonly server: Socket
  frozen: boolean
}

/** Stands in front of a server on the loopback and carries bytes, until it is told to do that badly. Whatever they speak. */
export class TcpProxy implements AsyncDisposable {
  readonly #listener: Server
  readonly #pairs = new Set<Pair>()
  #target: number
  #refusing = false

  private constructor(listener: Server, target: number) {
    this.#listener = listener
    this.#target = target
  }

  /** In front of the server at this port. */
  static async before(target: number): Promise<TcpProxy> {
    const listener = createServer()
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const proxy = new TcpProxy(listener, target)
    listener.on('connection', client => proxy.#carry(client))
    return proxy
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pairs.size
  }

  /** Connections from now on go to another server. Cut the others, if they are to go there too. */
  retarget(port: number): void {
    this.#target = port
  }

  /** Resets every connection. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.destroy()
    }
  }

  /** Refuses new connections, or takes them again. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing
  }

  /** Nothing comes through any more on what is open, in either direction, and nobody is told: half-open TCP. New ones work. */
  freeze(): void {
    for (const pair of this.#pairs) pair.frozen = true
  }

  #carry(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy()
      return
    }
    const server = connect(this.#target, '127.0.0.1')
    const pair: Pair = { client, server, frozen: false }
    this.#pairs.add(pair)
    const join = (from: Socket, to: Socket): void => {
      from.on('data', chunk => {
        if (!pair.frozen && !to.write(chunk)) from.pause()
      })
      to.on('drain', () => from.resume())
      from.on('error', () => undefined)
      from.on('close', () => {
        if (pair.frozen && from === server) return
        this.#pairs.delete(pair)
        client.destroy()
        server.destroy()
      })
    }
    join(client, server)
    join(server, client)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    for (const pair of this.#pairs) {
      pair.frozen = false
      pair.client.destroy()
      pair.server.destroy()
    }
    await closed
  }
}
