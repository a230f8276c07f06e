import { type ChildProcess, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Measure } from './bench.ts'
import { lineOf } from './watch/objects.ts'
import { changes } from './watch/changes.ts'
import type { Task } from './watch/subject.ts'
import { ended, eventPath, read, startCluster, startSubject, synced, temporary } from './watch/processes.ts'

export const name = 'watch'

const VMS = 10_000
const MANY = 100_000
const CHANGES = 30_000
/** Of 10,000 VMs each ten times: what goes on for a while, not what V8 does of it in the first two seconds. */
const SUSTAINED = 100_000
const CLUSTERS = 500
const CA = readFileSync(new URL('../test/fixtures/kubernetes/tls/certificate.pem', import.meta.url), 'utf8')
const CA_FILE = join(import.meta.dirname, '../test/fixtures/kubernetes/tls/certificate.pem')

/** The watch role alone: what a first read, a restart, a change, many VMs and many idle watches cost, against the barest program. */
export async function* run(): AsyncIterable<Measure> {
  yield* path()
  yield* scale()
  yield* changes('SQLite')
  yield* changes('Kafka')
  yield* memory()
}

async function* path(): AsyncIterable<Measure> {
  await using stack = new AsyncDisposableStack()
  const inTurn = await eventPath({ folder: await temporary(stack), vms: VMS, changes: SUSTAINED })
  const what = `changes of 10 KB, of ${VMS} VMs in turn, bytes in to acknowledged`
  yield { what, value: inTurn.rate, unit: 'events/s', floor: inTurn.floor, must: { of: 'ratio', atLeast: 0.5 } }
  const once = await eventPath({ folder: await temporary(stack), vms: CHANGES, changes: CHANGES })
  yield { what: `the same, each of ${CHANGES} VMs once`, value: once.rate, unit: 'events/s', floor: once.floor }
}

async function* scale(): AsyncIterable<Measure> {
  await using stack = new AsyncDisposableStack()
  const folder = await temporary(stack)
  const url = await startCluster(stack, VMS)
  const floor = curlAndParse(url)
  const what = `${VMS} VMs and VMIs of 10 KB`
  const task = { folder, url, ca: CA, token: 'x', clusters: 1, resources: ['vm', 'vmi'] } satisfies Task
  const first = await startSubject(stack, { ...task, stalls: true })
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
  yield { what: 'the same from an API server, over HTTP/2 with TLS', value: rate, unit: 'events/s', floor: parseRate() }
  await ended(first)

  const again = await startSubject(stack, task)
  await synced(again)
  await ended(again)
  const third = await startSubject(stack, task)
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
  const peak = ((await read(full)).rss - bare) / MANY / 1024
  const held = ((await settledRss(full)) - bare) / MANY / 1024
  yield { what: `memory a VM, of ${MANY}`, value: held, unit: 'KB', must: { of: 'value', atMost: 1.5 } }
  yield { what: `memory a VM, of ${MANY}, with what V8 keeps of their first read`, value: peak, unit: 'KB' }
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
