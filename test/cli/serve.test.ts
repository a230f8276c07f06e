import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
/** A process that starts on a busy machine takes its time. */
const SOON = { timeout: 200_000, interval: 20 }

/** `virtbridge serve` as a process of its own. */
interface Served extends AsyncDisposable {
  readonly child: ChildProcess
  readonly said: () => string
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

function serve(config: string): Served {
  const child = spawn(process.execPath, [MAIN, 'serve', '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk.toString()))
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  return {
    child,
    said: () => chunks.join(''),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const config = (listen: string, log: string): string =>
  `log: {path: ${log}}\nhttp: {listen: "${listen}"}\nclusters: [{name: a, kubeconfig: nowhere}]\n`

test('a second serve on one log refuses and names who holds it; a port in use is said; SIGTERM ends well and soon', async () => {
  await using folder = await temporaryFolder()
  const file = await fileIn(folder.path, 'v.yaml', config('127.0.0.1:0', 'v.db'))
  const blocker = createServer()
  await new Promise<void>(resolve => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as AddressInfo
  const other = await fileIn(folder.path, 'w.yaml', config(`127.0.0.1:${port}`, 'w.db'))

  await using first = serve(file)
  await using blocked = serve(other)
  await expect.poll(first.said, SOON).toContain('"msg":"listening"')
  await using second = serve(file)

  expect(await second.ended).toBe(1)
  expect(second.said()).toMatch(
    new RegExp(`^virtbridge: .*v\\.db is held by process ${first.child.pid} on .*\n {2}stop that process first`),
  )
  expect(second.said().trim().split('\n')).toHaveLength(2)

  expect(await blocked.ended).toBe(1)
  expect(blocked.said()).toContain(`virtbridge: 127.0.0.1:${port} is in use by another process\n  stop that process`)
  blocker.close()

  const began = performance.now()
  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  expect(performance.now() - began).toBeLessThan(30_000)
  expect(first.said()).not.toMatch(/ at .*\.ts/)
})

test('a changed file counts while it runs, and SIGHUP makes it look; a fault is said, and ends nothing', async () => {
  await using folder = await temporaryFolder()
  const views = (names: string): string => `${config('127.0.0.1:0', 'v.db')}inventory: {views: [${names}]}\n`
  const file = await fileIn(folder.path, 'v.yaml', views('{name: one}'))
  await using bridge = serve(file)
  await expect.poll(bridge.said, SOON).toContain('"msg":"listening"')
  await fileIn(folder.path, 'v.yaml', views('{name: one}, {name: two}'))
  await expect.poll(bridge.said, SOON).toContain('"changed":["inventory.views.two"]')
  await fileIn(folder.path, 'v.yaml', views('{name: "ONE"}'))
  await expect.poll(bridge.said, SOON).toContain('the configuration has a fault: what was read before counts')
  await expect.poll(bridge.said, SOON).toContain('inventory.views.0.name: is not well formed')
  const faults = (): number => bridge.said().split('has a fault: what was read before counts').length - 1
  const before = faults()
  bridge.child.kill('SIGHUP')
  await expect.poll(faults, SOON).toBe(before + 1)
  await fileIn(folder.path, 'v.yaml', views('{name: one}, {name: two}'))
  await expect.poll(bridge.said, SOON).toContain('the configuration is right again')
  bridge.child.kill('SIGTERM')
  expect(await bridge.ended).toBe(0)
})
