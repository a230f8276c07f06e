import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { ProxiedListener } from '../servers/kafka.ts'

/** Kafka's numbers of requests (https://kafka.apache.org/protocol#protocol_api_keys). */
const PRODUCE = 0
const END_TXN = 26

/** Stands before a broker and keeps back the answer to one commit. */
export interface HeldAnswer extends AsyncDisposable {
  /** Resolves when the broker has answered the commit, and its client does not know. */
  readonly held: Promise<void>
  /** Lets it through, and what came after it. */
  release(): void
}

/** Keeps back the answer to the end of the transaction that wrote a record with this text in it. */
export async function holdAnswer({ told, port }: ProxiedListener, text: string): Promise<HeldAnswer> {
  const held = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  const waiting: (() => void)[] = []
  let state: 'looking' | 'written' | 'ending' | 'held' | 'released' = 'looking'
  const server = createServer(client => {
    const broker = connect(port, '127.0.0.1')
    let ending = -1
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
    client.on(
      'data',
      messages(message => {
        const key = message.readInt16BE(4)
        if (state === 'looking' && key === PRODUCE && message.includes(text)) state = 'written'
        else if (state === 'written' && key === END_TXN) {
          state = 'ending'
          ending = message.readInt32BE(8)
        }
        broker.write(message)
      }),
    )
    broker.on(
      'data',
      messages(message => {
        if (state === 'ending' && message.readInt32BE(4) === ending) {
          state = 'held'
          held.resolve()
        }
        if (state === 'held') waiting.push(() => void client.write(message))
        else client.write(message)
      }),
    )
  })
  server.listen(told, '127.0.0.1')
  await once(server, 'listening')
  return {
    held: held.promise,
    release() {
      state = 'released'
      for (const write of waiting.splice(0)) write()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Puts a stream together to whole messages: four bytes that say how many follow, and those. */
function messages(take: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const end = rest.length < 4 ? Infinity : 4 + rest.readInt32BE(0)
      if (rest.length < end) return
      const message = rest.subarray(0, end)
      rest = rest.subarray(end)
      take(message)
    }
  }
}
