import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Measure } from './bench.ts'
import { TOKEN } from './inventory/records.ts'
import type { Question, Reading } from './inventory/subject.ts'

export const name = 'inventory'

const VMS = 100_000
const CLIENTS = 50
const ASKED = 5_000
/** How often a client asks whether anything has changed, in ms. */
const EVERY_MS = 100
const ROUNDS = 9
/** Of the whole body, which costs a tenth more or less from one time to the next. */
const BODY_ROUNDS = 41
const CHANGES = 1_000
const PER_SECOND = 100
/** How long a client rests between two readings of the whole, while changes come, in ms. */
const READ_MS = 2_000

/** The inventory of 100,000 VMs, served by a process of its own that nothing else runs in; in another, the same bytes from a bare route. */
export async function* run(): AsyncIterable<Measure> {
  await using empty = await start()
  const bare = await empty.ask({ ask: 'settle' })
  await using full = await start()
  await full.ask({ ask: 'fill', vms: VMS })
  await full.ask({ ask: 'settle' })
  await sleep(1_000)
  const { rss } = await full.ask({ ask: 'settle' })
  const held = (rss - bare.rss) / VMS / 1024
  yield { what: `memory a VM of ${VMS}, all of serve`, value: held, unit: 'KB', must: { of: 'value', atMost: 2.5 } }
  await get(full, '/api/v1/inventory', { 'accept-encoding': 'gzip' })
  const both = ((await full.ask({ ask: 'settle' })).rss - bare.rss) / VMS / 1024
  yield { what: '– while gzip is asked for too', value: both, unit: 'KB' }

  await using served = await start({ BARE: 'yes' })
  await served.ask({ ask: 'fill', vms: VMS })
  await served.ask({ ask: 'settle' })
  yield* notModified(served)
  yield* wholeBody(served)
  yield* afterChange(served)
  yield* visible(served)
}

async function* notModified(subject: Subject): AsyncIterable<Measure> {
  const { headers } = await get(subject, '/api/v1/inventory', {}, 'HEAD')
  const known = { 'if-none-match': String(headers['etag']) }
  const [url, bare] = [`${subject.reading.url}/api/v1/inventory`, `${subject.reading.bareUrl}/304`]
  const [ours, floor] = [await latencies(url, known, EVERY_MS), await latencies(bare, known, EVERY_MS)]
  const what = `304 of ${VMS} VMs, ${CLIENTS} clients, each ${1_000 / EVERY_MS} times a second, p99`
  yield { what, value: at(ours, 0.99), unit: 'ms', floor: at(floor, 0.99), must: { of: 'value', atMost: 5 } }
  const each = await costOf(subject, async () => void (await latencies(url, known, 0)))
  const bareEach = await costOf(subject, async () => void (await latencies(bare, known, 0)))
  yield { what: '– CPU of one', value: each / ASKED, unit: 'ms', floor: bareEach / ASKED }
  const [busy, bareBusy] = [await latencies(url, known, 0), await latencies(bare, known, 0)]
  yield { what: '– as often as they can, p99', value: at(busy, 0.99), unit: 'ms', floor: at(bareBusy, 0.99) }
}

async function* wholeBody(subject: Subject): AsyncIterable<Measure> {
  const [ours, bare]: [number[], number[]] = [[], []]
  for (let round = 0; round < BODY_ROUNDS; round += 1) {
    ours.push(await costOf(subject, () => get(subject, '/api/v1/inventory')))
    bare.push(await costOf(subject, () => fetchBytes(`${subject.reading.bareUrl}/`)))
  }
  const [value, floor] = [median(bare), median(ours)]
  yield { what: `whole body of ${VMS} VMs, cached: CPU`, value: floor, unit: 'ms', floor: value }
  const share = (value / floor) * 100
  yield {
    what: '– of what a bare route costs with the same bytes',
    value: share,
    unit: '%',
    must: { of: 'value', atLeast: 80 },
  }
}

/** One VM changes, and the document is asked for: what that costs more than to ask for it again. */
async function* afterChange(subject: Subject): AsyncIterable<Measure> {
  let number = 0
  for (const coding of ['identity', 'gzip', 'zstd']) {
    const headers = { 'accept-encoding': coding }
    const [changed, cached]: [number[], number[]] = [[], []]
    const [stalls, usual]: [number[], number[]] = [[], []]
    await get(subject, '/api/v1/inventory', headers)
    for (let round = 0; round < ROUNDS; round += 1) {
      number += 1
      const before = await subject.ask({ ask: 'change', vm: (number * 7_919) % VMS, node: `node-${number}` })
      await get(subject, '/api/v1/inventory', headers)
      const after = await subject.ask({ ask: 'read' })
      changed.push(after.cpu - before.cpu)
      stalls.push(after.stall)
      await get(subject, '/api/v1/inventory', headers)
      const again = await subject.ask({ ask: 'read' })
      cached.push(again.cpu - after.cpu)
      usual.push(again.stall)
    }
    const what = `one of ${VMS} VMs changed, first body, ${coding}: CPU more than the next`
    yield { what, value: median(changed) - median(cached), unit: 'ms', must: { of: 'value', atMost: 50 } }
    yield {
      what: '– longest stall of the event loop',
      value: median(stalls),
      unit: 'ms',
      floor: median(usual),
      must: { of: 'value', atMost: 20 },
    }
  }
}

/** A change goes into the log, and a client asks until it sees it; another reads the whole inventory every other second. */
async function* visible(subject: Subject): AsyncIterable<Measure> {
  const seen: number[] = []
  const reading = { on: true }
  const reader = (async () => {
    while (reading.on) {
      await get(subject, '/api/v1/inventory', { 'accept-encoding': 'gzip' })
      await sleep(READ_MS)
    }
  })()
  const waits: Promise<void>[] = []
  const began = performance.now()
  for (let number = 0; number < CHANGES; number += 1) {
    await sleep(Math.max(0, began + (number * 1_000) / PER_SECOND - performance.now()))
    const [vm, node] = [(number * 104_729) % VMS, `seen-${number}`]
    const sent = performance.now()
    subject.tell({ ask: 'append', vm, node })
    if (number % 10 === 0) waits.push(shows(subject, vm, node).then(() => void seen.push(performance.now() - sent)))
  }
  await Promise.all(waits)
  reading.on = false
  await reader
  const what = `change in the log to visible, ${PER_SECOND} changes/s, the whole read meanwhile, p99`
  yield { what, value: at(seen, 0.99), unit: 'ms', must: { of: 'value', atMost: 100 } }
  yield { what: '– p50', value: at(seen, 0.5), unit: 'ms' }
}

async function shows(subject: Subject, vm: number, node: string): Promise<void> {
  const host = `vm-${vm}.ns-${vm % 400}.prod-1`
  for (;;) {
    const { body } = await get(subject, `/api/v1/inventory/hosts/${host}`)
    if (body.toString().includes(`"${node}"`)) return
    await sleep(1)
  }
}

/** A process that serves. */
class Subject implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly reading: Reading

  constructor(child: ChildProcess, reading: Reading) {
    this.#child = child
    this.reading = reading
  }

  tell(question: Question): void {
    this.#child.send(question)
  }

  async ask(question: Question): Promise<Reading> {
    const answer = once(this.#child, 'message') as Promise<[Reading]>
    this.#child.send(question)
    return (await answer)[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.disconnect()
    await exit
  }
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<Subject> {
  const execArgv = ['--expose-gc', '--max-semi-space-size=8']
  const child = fork(join(import.meta.dirname, 'inventory/subject.ts'), [], {
    execArgv,
    env: { ...process.env, ...env },
  })
  const [reading] = (await once(child, 'message')) as [Reading]
  return new Subject(child, reading)
}

async function costOf(subject: Subject, act: () => Promise<unknown>): Promise<number> {
  const { cpu } = await subject.ask({ ask: 'read' })
  await act()
  return (await subject.ask({ ask: 'read' })).cpu - cpu
}

interface Answer {
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

const agent = new Agent({ keepAlive: true })

async function get(
  { reading }: Subject,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return await fetchBytes(reading.url + path, { authorization: `Bearer ${TOKEN}`, ...headers }, method)
}

/** Throws when it is neither a 200 nor a 304. A body of a megabyte or more is read and not kept. */
async function fetchBytes(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const sent = request(url, { agent, headers, method }).end()
  const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) if (chunks.length < 100) chunks.push(chunk as Buffer)
  if (answer.statusCode !== 200 && answer.statusCode !== 304)
    throw new Error(`${url}: ${answer.statusCode} ${Buffer.concat(chunks).toString().slice(0, 300)}`)
  return { headers: answer.headers, body: Buffer.concat(chunks) }
}

/** How long each request took, of many clients that ask at such intervals; 0: again as soon as there is an answer. */
async function latencies(url: string, headers: Record<string, string>, everyMs: number): Promise<readonly number[]> {
  const all: number[] = []
  const client = async (_: unknown, index: number): Promise<void> => {
    await sleep((index * everyMs) / CLIENTS)
    for (let due = performance.now(); all.length < ASKED; due += everyMs) {
      if (everyMs > 0) await sleep(Math.max(0, due - performance.now()))
      const began = performance.now()
      await fetchBytes(url, { authorization: `Bearer ${TOKEN}`, ...headers })
      all.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return all
}

function at(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0
}

function median(values: readonly number[]): number {
  return at(values, 0.5)
}
