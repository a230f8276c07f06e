import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GuestNetwork } from './guest-network.ts'

/** Passes on what comes to a port of the guests' network to a socket in a file, which both sides see. */
const PASS_ON =
  "const net = require('node:net'); const [path, port] = process.argv.slice(1); net.createServer(from => { const to = net.connect(path); from.pipe(to).pipe(from); for (const end of [from, to]) end.on('error', () => { from.destroy(); to.destroy() }) }).listen(Number(port), '127.0.0.1', () => require('node:fs').writeFileSync(path + '.open', ''))"

/** A server of the test that plays can ask, who see nothing but the network of the guests. */
export interface Reached extends AsyncDisposable {
  /** Its address there. */
  readonly url: string
}

/** Lets the network of the guests reach a server on the machine's loopback, at a port there that nobody else has. */
export async function reach(network: GuestNetwork, url: string, port: number): Promise<Reached> {
  const path = join(tmpdir(), `virtbridge-reach-${process.pid}-${port}`)
  const open = new Set<Socket>()
  const gate = createServer(from => {
    const to = connect(Number(new URL(url).port), '127.0.0.1')
    from.pipe(to).pipe(from)
    for (const end of [from, to]) {
      open.add(end)
      end.on('error', () => [from, to].forEach(each => each.destroy())).on('close', () => open.delete(end))
    }
  })
  for (const old of [path, `${path}.open`]) await rm(old, { force: true })
  gate.listen(path)
  await once(gate, 'listening')
  const over = new AbortController()
  const passing = network.run(process.execPath, ['-e', PASS_ON, path, String(port)], { signal: over.signal })
  const ended = passing.catch(() => undefined)
  const deadline = performance.now() + 60_000
  while (!existsSync(`${path}.open`)) {
    if (performance.now() > deadline) throw new Error(`nobody passes on what comes to port ${port}`)
    await sleep(50)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      over.abort()
      await ended
      for (const end of open) end.destroy()
      await new Promise(resolve => gate.close(resolve))
      for (const file of [path, `${path}.open`]) await rm(file, { force: true })
    },
  }
}
