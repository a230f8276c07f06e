import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { parseArgs } from 'node:util'
import { pause } from '../../src/waiting.ts'
import { randomOf } from '../laws/chaos.ts'
import { startKubeApiserver } from '../servers/kube-apiserver.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { calm, FAULTS } from './faults.ts'
import { Herd } from './herd.ts'
import { KubeProxy } from './kube-proxy.ts'
import type { Work } from './watcher-process.ts'

/**
 * `npm run chaos -- [--minutes 30] [--seed 7]`: a real API server, two watchers in processes of their own behind two proxies, VMs to which
 * things happen, and faults and kills at random. After each, the events, the stored state and the API server must say the same. Prints
 * what was survived; exit status 1 and what was wrong at the first that was not.
 */
const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes ?? 1)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const random = randomOf(seed)
const forever = new AbortController().signal
const PROGRAM = join(import.meta.dirname, 'watcher-process.ts')
const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** A watcher in a process of its own, that can be killed and begun anew on the same log. */
class Prey implements AsyncDisposable {
  readonly #work: string
  #child: ChildProcessByStdio<Writable, Readable, null> | null = null
  /** It ended, and not because it was killed. */
  crashed = false

  constructor(work: Work) {
    this.#work = JSON.stringify(work)
  }

  start(): void {
    const env = { ...process.env, NODE_NO_WARNINGS: '1' }
    this.#child = spawn(process.execPath, [PROGRAM, this.#work], { stdio: ['pipe', 'pipe', 'inherit'], env })
    this.#child.once('exit', code => (this.crashed ||= code !== null))
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** What its log and the API server disagree in, when it has had time to read what it missed: it goes on as it is. */
  async judged(): Promise<readonly string[]> {
    const child = this.#child
    if (child === null) return ['it does not run']
    child.stdin.write('judge\n')
    for await (const line of createInterface({ input: child.stdout }))
      if (line.startsWith('[')) return JSON.parse(line) as readonly string[]
    return ['it ended by itself']
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }
}

await using stack = new AsyncDisposableStack()
const api = stack.use(
  await startKubeApiserver({ crds: ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io'] }),
)
const between = {
  api,
  tcp: stack.use(await TcpProxy.before(Number(new URL(api.url).port))),
  http: stack.use(await KubeProxy.before(api)),
}
const herd = await Herd.make(api.client, 'chaos', 8, random)
const token = await shippedToken(api)
const direct = { url: api.url, ca: api.ca }
const ways = [
  { url: `https://127.0.0.1:${between.tcp.port}`, ca: api.ca },
  { url: between.http.url, ca: '' },
]
const prey: Prey[] = []
for (const way of ways) {
  const { path: folder } = stack.use(await temporaryFolder())
  prey.push(stack.use(new Prey({ folder, ...way, token, direct })))
}
for (const one of prey) one.start()
print(`SEED=${seed}: ${minutes} minutes`)
const survived = new Map<string, number>()
const names = Object.keys(FAULTS)
let happened = 0
let failed = false
for (const end = Date.now() + minutes * 60_000; Date.now() < end && !failed;) {
  for (let turn = Math.floor(random() * 5); turn >= 0; turn -= 1) {
    const name = names[Math.floor(random() * names.length)] ?? ''
    const fault = FAULTS[name]?.(between)
    for (let change = Math.floor(random() * 4); change > 0; change -= 1) {
      // The API server may be away: then nothing happens.
      await herd.happen().then(
        () => (happened += 1),
        () => undefined,
      )
    }
    await fault
    for (const one of prey) {
      if (random() < 0.7) continue
      await one.kill()
      one.start()
      survived.set('kill -9 of a watcher', (survived.get('kill -9 of a watcher') ?? 0) + 1)
    }
    await pause(random() * 1_000, forever)
    calm(between)
    survived.set(name, (survived.get(name) ?? 0) + 1)
  }
  for (const one of prey) {
    const wrong = await one.judged()
    for (const line of wrong) print(`LOST  ${line}`)
    if (one.crashed) print('CRASHED, see above')
    failed ||= wrong.length > 0 || one.crashed
  }
}
print(`${happened} changes; ${failed ? 'NOT survived' : 'survived'}:`)
for (const [name, times] of [...survived].sort(([, a], [, b]) => b - a)) print(`${String(times).padStart(6)}  ${name}`)
process.exitCode = failed ? 1 : 0
