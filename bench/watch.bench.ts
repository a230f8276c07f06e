import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startKubeApiserver } from '../test/servers/kube-apiserver.ts'
import { VirtController } from '../test/support/virt.ts'
import type { Measure } from './bench.ts'
import { lineOf } from './watch/objects.ts'
import type { Question, Reading, Task } from './watch/subject.ts'

export const name = 'watch'

const VMS = 10_000
const MANY = 100_000
const CHANGES = 30_000
const CLUSTERS = 500
const CA = readFileSync(new URL('../test/fixtures/kubernetes/tls/certificate.pem', import.meta.url), 'utf8')
const CA_FILE = join(import.meta.dirname, '../test/fixtures/kubernetes/tls/certificate.pem')

/** The watch role alone: what a first read, a restart, a change, many VMs and many idle watches cost, against the barest program. */
export async function* run(): AsyncIterable<Measure> {
  yield* scale()
  yield* live()
  yield* memory()
}

async function* scale(): AsyncIterable<Measure> {
  await using stack = new AsyncDisposableStack()
  const folder = await temporary(stack)
  const url = await startCluster(stack, VMS)
  const floor = curlAndParse(url)
  const what = `${VMS} VMs and VMIs of 10 KB`
  const first = await startSubject(stack, { folder, url, ca: CA, token: 'x', clusters: 1, resources: ['vm', 'vmi'] })
  const sync = await synced(first)
  yield { what: `${what}, read into the log`, value: sync.ms, unit: 'ms', floor, must: { of: 'ratio', atMost: 2 } }
  yield { what: `${what}, longest stall meanwhile`, value: sync.stallMs, unit: 'ms', must: { of: 'value', atMost: 50 } }

  const before = await read(first)
  const began = performance.now()
  void fetchText(`${url}/emit?changes=${CHANGES}`)
  let now = before
  while (now.count < before.count + CHANGES) {
    await sleep(50)
    now = await read(first)
  }
  const rate = (CHANGES * 1000) / (performance.now() - began)
  yield {
    what: 'changes of 10 KB, bytes in to acknowledged',
    value: rate,
    unit: 'events/s',
    floor: parseRate(),
    must: { of: 'ratio', atLeast: 0.5 },
  }
  await ended(first)

  const again = await startSubject(stack, { folder, url, ca: CA, token: 'x', clusters: 1, resources: ['vm', 'vmi'] })
  await synced(again)
  await ended(again)
  const third = await startSubject(stack, { folder, url, ca: CA, token: 'x', clusters: 1, resources: ['vm', 'vmi'] })
  const restart = await synced(third)
  yield { what: `${what}, restart unchanged`, value: restart.ms, unit: 'ms', floor, must: { of: 'ratio', atMost: 2 } }
  yield {
    what: `${what}, events of that restart`,
    value: restart.count,
    unit: 'events',
    must: { of: 'value', atMost: 0 },
  }
  await ended(third)
}

/** On a real API server: 100 changes of labels a second. */
async function* live(): AsyncIterable<Measure> {
  await using stack = new AsyncDisposableStack()
  const folder = await temporary(stack)
  const crds = ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io']
  const api = stack.use(await startKubeApiserver({ crds }))
  const virt = new VirtController(api.client)
  await virt.createNamespace('bench')
  const vms = await Promise.all(Array.from({ length: 20 }, (_, n) => virt.createVm('bench', `vm-${n}`)))
  const subject = await startSubject(stack, {
    folder,
    url: api.url,
    ca: api.ca,
    token: api.adminToken,
    clusters: 1,
    resources: ['vm', 'vmi'],
  })
  await synced(subject)
  const change = async (n: number, sent: Map<string, number>): Promise<void> => {
    const vm = vms[n % vms.length]
    if (vm === undefined) return
    sent.set(String(n), performance.timeOrigin + performance.now())
    await virt.label(vm, { turn: String(n) })
  }
  const sendAll = async (from: number, count: number): Promise<Map<string, number>> => {
    const sent = new Map<string, number>()
    const changes: Promise<void>[] = []
    for (let n = from; n < from + count; n += 1) {
      changes.push(change(n, sent))
      await sleep(10)
    }
    await Promise.all(changes)
    await sleep(500)
    return sent
  }
  await sendAll(0, 300)
  const before = await read(subject)
  const sent = await sendAll(1_000, 1_500)
  const after = await read(subject)
  const times = after.acked.map(([at, turn]) => at - (sent.get(turn) ?? Number.NaN)).sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  const what = 'a change sent to a real API server to its event acknowledged (SQLite), at 100/s'
  yield { what: `${what}, p50`, value: at(0.5), unit: 'ms', must: { of: 'value', atMost: 8 } }
  yield { what: `${what}, p99`, value: at(0.99), unit: 'ms', must: { of: 'value', atMost: 30 } }
  yield { what: `${what}, lost`, value: sent.size - times.length, unit: 'events', must: { of: 'value', atMost: 0 } }
  const cpu = (after.cpuMs - before.cpuMs) / sent.size
  yield { what: `${what}, CPU a change`, value: cpu, unit: 'ms', must: { of: 'value', atMost: 1 } }
  await ended(subject)
}

async function* memory(): AsyncIterable<Measure> {
  await using stack = new AsyncDisposableStack()
  const empty = await startSubject(stack, {
    folder: await temporary(stack),
    url: await startCluster(stack, 0),
    ca: CA,
    token: 'x',
    clusters: 1,
    resources: ['vm', 'vmi'],
  })
  await synced(empty)
  const bare = await settledRss(empty)
  await ended(empty)

  const url = await startCluster(stack, MANY)
  const full = await startSubject(stack, {
    folder: await temporary(stack),
    url,
    ca: CA,
    token: 'x',
    clusters: 1,
    resources: ['vm', 'vmi'],
  })
  await synced(full)
  const held = ((await settledRss(full)) - bare) / MANY / 1024
  yield { what: `memory a VM, of ${MANY}`, value: held, unit: 'KB', must: { of: 'value', atMost: 1.5 } }
  await ended(full)

  const idle = await startSubject(stack, {
    folder: await temporary(stack),
    url: await startCluster(stack, 0),
    ca: CA,
    token: 'x',
    clusters: CLUSTERS,
    resources: ['vm', 'vmi', 'migration', 'snapshot', 'restore', 'clone'],
  })
  await synced(idle)
  await sleep(5_000)
  const watch = ((await settledRss(idle)) - bare) / (CLUSTERS * 6) / 1024
  yield {
    what: `memory an idle watch, of ${CLUSTERS} clusters x 6`,
    value: watch,
    unit: 'KB',
    must: { of: 'value', atMost: 60 },
  }
  await ended(idle)
}

async function settledRss(subject: ChildProcess): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    await read(subject, 'settle')
    await sleep(500)
  }
  return (await read(subject, 'settle')).rss
}

async function temporary(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-bench-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function startCluster(stack: AsyncDisposableStack, vms: number): Promise<string> {
  const child = fork(join(import.meta.dirname, 'watch/cluster.ts'), [String(vms)], {
    execArgv: ['--max-old-space-size=8000'],
  })
  stack.defer(() => void child.kill('SIGKILL'))
  const [port] = (await once(child, 'message')) as [number]
  return `https://127.0.0.1:${port}`
}

async function startSubject(stack: AsyncDisposableStack, task: Task): Promise<ChildProcess> {
  const execArgv = ['--expose-gc', '--max-semi-space-size=8']
  const child = fork(join(import.meta.dirname, 'watch/subject.ts'), [JSON.stringify(task)], { execArgv })
  stack.defer(() => void child.kill('SIGKILL'))
  await Promise.resolve()
  return child
}

async function read(subject: ChildProcess, question: Question = 'read'): Promise<Reading> {
  const answer = once(subject, 'message') as Promise<[Reading]>
  subject.send(question)
  return (await answer)[0]
}

async function synced(subject: ChildProcess): Promise<Reading> {
  for (;;) {
    await sleep(250)
    const reading = await read(subject)
    if (reading.synced) return reading
  }
}

async function ended(subject: ChildProcess): Promise<void> {
  const exit = once(subject, 'exit')
  subject.kill('SIGKILL')
  await exit
}

function fetchText(url: string): string {
  return execFileSync('curl', ['-s', '--cacert', CA_FILE, url], { maxBuffer: 2 ** 30, encoding: 'utf8' })
}

/** The floor: all pages by curl in one process, and one JSON.parse of each. */
function curlAndParse(url: string): number {
  const began = performance.now()
  for (const plural of ['virtualmachines', 'virtualmachineinstances']) {
    const urls = Array.from(
      { length: VMS / 250 },
      (_, page) => `${url}/apis/kubevirt.io/v1/${plural}?limit=250&continue=${page}`,
    )
    const text = execFileSync('curl', ['-s', '--cacert', CA_FILE, '-w', '\n', ...urls], {
      maxBuffer: 2 ** 30,
      encoding: 'utf8',
    })
    for (const body of text.split('\n')) if (body !== '') JSON.parse(body)
  }
  return performance.now() - began
}

/** The floor: JSON.parse of the same lines, of bytes that are there. */
function parseRate(): number {
  const lines = Array.from({ length: 500 }, (_, n) => Buffer.from(lineOf('MODIFIED', 'virtualmachines', n, n, 'x')))
  const began = performance.now()
  for (let n = 0; n < CHANGES; n += 1) JSON.parse(lines[n % lines.length]?.toString('utf8') ?? '')
  return (CHANGES * 1000) / (performance.now() - began)
}
