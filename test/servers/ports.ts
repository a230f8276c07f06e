import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the range that Linux and macOS take outgoing ports from, so that no connection sits on the port of a server that restarts.
const first = 20_000
const count = 10_000

/** A port of the loopback that nobody listens on now. Somebody may a moment later: `withFreePorts` is for that. */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (;;) {
    const port = first + Math.floor(random() * count)
    const server = createServer()
    server.listen({ port, host: '127.0.0.1', exclusive: true })
    try {
      await once(server, 'listening')
      return port
    } catch {
      // Taken: try another.
    } finally {
      server.close()
    }
  }
}

/** Starts something on `amount` free ports, and again on others when `start` failed for a port taken meanwhile. */
export async function withFreePorts<T>(
  amount: number,
  start: (ports: number[]) => Promise<T>,
  attempts = 5,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const ports: number[] = []
    while (ports.length < amount) {
      const port = await freePort()
      if (!ports.includes(port)) ports.push(port)
    }
    try {
      return await start(ports)
    } catch (error) {
      if (attempt >= attempts || !/address already in use/i.test(String(error))) throw error
    }
  }
}
