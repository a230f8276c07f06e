import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'

/** A controller on a real socket whose every answer is a fault of the test's choosing. */
export interface FaultyServer extends AsyncDisposable {
  readonly url: string
  /** Requests that arrived whole, as `POST /path`. */
  readonly received: string[]
  readonly connections: () => number
}

export type Answer = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void

/** Waits for the whole request, notes it, and hands it to `answer`. */
export async function faultyServer(answer: Answer): Promise<FaultyServer> {
  const received: string[] = []
  let connections = 0
  const server = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.once('end', () => {
      received.push(`${request.method ?? ''} ${request.url ?? ''}`)
      answer(request, response, body)
    })
  })
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** A port that nobody listens on: one that was just given back. */
export async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A TCP server that says this much to whoever connects, and nothing more. */
export async function speaking(text: string): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    if (text !== '') socket.write(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
