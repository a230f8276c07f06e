import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { ProxiedListener } from '../servers/kafka.ts'

/** Kafka's numbers of the requests that a writer makes (https://kafka.apache.org/protocol#protocol_api_keys). */
export const API = { produce: 0, initProducerId: 22, addPartitions: 24, endTxn: 26 } as const
export type Api = keyof typeof API

/**
 * What goes wrong with a request: its connection is cut `before` the broker got it, or `after` the broker did and before its answer is
 * through; or the answer is kept back and the connection stays (`mute`), so that a time-out has to end it. Nothing goes wrong when it is
 * let `through`: then it is only told.
 */
export type Moment = 'before' | 'after' | 'mute' | 'through'

interface Plan {
  readonly api: Api
  readonly moment: Moment
  /** At which broker, counted from 0; -1: at any. */
  readonly broker: number
  readonly happened: PromiseWithResolvers<number>
}

/** Stands between the clients of a Kafka and its brokers, on the loopback, and reads what they say well enough to cut it in two. */
export class Proxy implements AsyncDisposable {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #plans: Plan[] = []

  /** In front of every listener that was told its clients to come here. */
  static async before(listeners: readonly ProxiedListener[]): Promise<Proxy> {
    const proxy = new Proxy()
    for (const [broker, listener] of listeners.entries()) {
      const server = createServer(client => proxy.#carry(client, listener.port, broker))
      server.listen(listener.told, '127.0.0.1')
      await once(server, 'listening')
      proxy.#servers.push(server)
    }
    return proxy
  }

  /**
   * Does so to the next request of the kind to a broker, or to any. Resolves with the broker, counted from 0, when it happened: but for
   * `before` that is when the broker has answered.
   */
  next(api: Api, moment: Moment, broker = -1): Promise<number> {
    const happened = Promise.withResolvers<number>()
    this.#plans.push({ api, moment, broker, happened })
    return happened.promise
  }

  /** Forgets what was planned and did not happen. */
  calm(): void {
    for (const { happened, broker } of this.#plans.splice(0)) happened.resolve(broker)
  }

  #carry(client: Socket, port: number, broker: number): void {
    const upstream = connect(port, '127.0.0.1')
    const cut = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        cut()
      })
    }
    /** Correlation ids whose answers are not to come through. */
    const doomed = new Map<number, Plan>()
    let mute = false
    client.on(
      'data',
      framed(frame => {
        const plan = this.#planFor(frame.readInt16BE(4), broker)
        if (plan?.moment === 'before') {
          cut()
          plan.happened.resolve(broker)
          return
        }
        if (plan !== null) doomed.set(frame.readInt32BE(8), plan)
        upstream.write(frame)
      }),
    )
    upstream.on(
      'data',
      framed(frame => {
        const plan = doomed.get(frame.readInt32BE(4))
        if (plan?.moment === 'after') cut()
        if (plan?.moment === 'mute') mute = true
        plan?.happened.resolve(broker)
        doomed.delete(frame.readInt32BE(4))
        if (!mute && !client.destroyed) client.write(frame)
      }),
    )
  }

  #planFor(key: number, broker: number): Plan | null {
    const at = this.#plans.findIndex(plan => API[plan.api] === key && (plan.broker < 0 || plan.broker === broker))
    return at < 0 ? null : (this.#plans.splice(at, 1)[0] ?? null)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.calm()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map(server => new Promise(resolve => server.close(resolve))))
  }
}

/** Puts a stream together to whole messages: four bytes that say how many follow, and those. */
function framed(take: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      const frame = rest.subarray(0, end)
      rest = rest.subarray(end)
      take(frame)
    }
  }
}
