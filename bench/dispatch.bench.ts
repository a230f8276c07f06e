import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { followHistory, History, Ledger, loadLedger, plan } from '../src/day2/index.ts'
import { planned } from '../src/day2/record.ts'
import { newRun } from '../src/day2/new-run.ts'
import { type EventLog, openSqliteLog } from '../src/log/index.ts'
import type { Measure } from './bench.ts'
import { fillLedger, KEPT } from './dispatch/ledger-log.ts'
import { emptyFleet, fresh, FREELY, openStage, put } from './dispatch/stage.ts'

export const name = 'dispatch'

const VMS = 10_000
const JOBS = 200
const FACTS = 100
const RESULTS = 1_000_000
/** Of them, of which the index has not heard when it is opened. */
const UNREAD = 1_000
const DAY = 86_400_000

/** Work that is planned, launched, followed and remembered, at the size of a fleet. */
export async function* run(): AsyncIterable<Measure> {
  yield planning()
  yield resting()
  yield* followed()
  yield* launched()
  yield* remembered()
}

/** 10,000 VMs are due for one verb in the same moment. */
function planning(): Measure {
  const fleet = emptyFleet()
  for (let number = 0; number < VMS; number += 1) put(fleet, fresh(number))
  const [ledger, now] = [new Ledger(), Date.now()]
  const began = process.cpuUsage()
  const decisions = plan({ fleet, ledger, waitingSince: new Map() }, FREELY, now)
  let entries = 0
  for (const decision of decisions) {
    if (decision.kind !== 'start') continue
    const { verb, template, reason, hosts } = decision
    const run = newRun({ id: crypto.randomUUID(), verb, template, askedBy: 'bridge', reason, hosts }, now)
    entries += planned(run, ledger, now).length
  }
  const { user, system } = process.cpuUsage(began)
  if (entries !== VMS + VMS / FREELY.maxHosts) throw new Error(`${entries} entries were planned`)
  const what = `${VMS.toLocaleString('en')} VMs due for one step, planned and coalesced`
  return { what, value: (user + system) / 1e6, unit: 's of CPU', must: { of: 'value', atMost: 1 } }
}

/** What day 2 holds for VMs on which nothing was ever done, above the fleet itself. */
function resting(): Measure {
  const fleet = emptyFleet()
  for (let number = 0; number < VMS; number += 1) put(fleet, { ...fresh(number), adopted: true })
  const ledger = new Ledger()
  const before = heapUsed()
  const kept = Array.from({ length: 3 }, () => plan({ fleet, ledger, waitingSince: new Map() }, FREELY, Date.now()))
  const bytes = Math.max(0, heapUsed() - before) / VMS
  if (kept.some(decisions => decisions.length > 0)) throw new Error('something starts on what was there before')
  const what = 'memory of day 2 for a VM without a run'
  return { what, value: bytes, unit: 'bytes', must: { of: 'value', atMost: 1024 } }
}

/** Bytes of the heap once what nobody holds is gone. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 3; round += 1) collect()
  return process.memoryUsage().heapUsed
}

async function* followed(): AsyncIterable<Measure> {
  const records = Array.from({ length: JOBS }, (_, number) => fresh(number))
  await using stage = await openStage(records, { maxHosts: 1 })
  for (const record of records) put(stage.fleet, record)
  stage.begin()
  const following = (): number => stage.ledger.active().filter(run => run.status === 'following').length
  while (following() < JOBS) await rest(200)
  await rest(5_000)
  stage.requests()
  const began = performance.now()
  await rest(20_000)
  const requests = stage.requests().length
  const value = (requests * 1000) / (performance.now() - began)
  const what = `${JOBS} jobs in flight followed, and jobs of others looked for`
  yield { what, value, unit: 'requests/s', must: { of: 'value', atMost: 2 } }
}

/** From a guest that becomes ready to the request that launches on it; the coalescing window is none, the inventory is up to date. */
async function* launched(): AsyncIterable<Measure> {
  const records = Array.from({ length: FACTS }, (_, number) => fresh(number))
  await using stage = await openStage(records)
  stage.begin()
  await rest(3_000)
  const took: number[] = []
  for (const record of records) {
    stage.requests()
    const began = performance.now()
    put(stage.fleet, record)
    took.push((await launchSeen(stage)) - began)
    await rest(97)
  }
  took.sort((a, b) => a - b)
  for (const [share, must] of [
    [0.5, undefined],
    [0.99, { of: 'value', atMost: 250 }],
  ] as const) {
    const value = took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN
    const what = `a guest is ready → POST of its launch, p${share * 100}`
    yield must === undefined ? { what, value, unit: 'ms' } : { what, value, unit: 'ms', must }
  }
}

async function launchSeen(stage: Awaited<ReturnType<typeof openStage>>): Promise<number> {
  for (;;) {
    const post = stage.requests().find(({ method, path }) => method === 'POST' && path.endsWith('/launch/'))
    if (post !== undefined) return post.at
    await rest(1)
  }
}

/** What a dispatcher remembers, from the log that it was written to: nothing of it is filled in by hand. */
async function* remembered(): AsyncIterable<Measure> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-bench-'))
  const open = () => openSqliteLog({ file: join(folder, 'log.db'), retentionMs: DAY, auditRetentionMs: 400 * DAY })
  const file = join(folder, 'history')
  try {
    {
      await using log = await open()
      await fillLedger(log, 0, RESULTS - UNREAD, RESULTS)
      yield await madeAnew(log, file)
      await fillLedger(log, RESULTS - UNREAD, RESULTS, RESULTS)
    }
    const began = performance.now()
    await using log = await open()
    const { ledger } = await loadLedger(log)
    const loaded = performance.now()
    using history = new History(file)
    await caughtUp(history, log)
    const ended = performance.now()
    if (ledger.runs.size !== KEPT.runs) throw new Error(`${ledger.runs.size} runs in place of ${KEPT.runs}`)
    const size = `${KEPT.runs.toLocaleString('en')} runs and ${KEPT.results.toLocaleString('en')} results`
    yield { what: `of that start: log and ledger, ${size}`, value: (loaded - began) / 1000, unit: 's' }
    const value = (ended - began) / 1000
    const what = `start on a log of ${RESULTS.toLocaleString('en')} host results, index at hand`
    yield { what, value, unit: 's', must: { of: 'value', atMost: 5 } }
    yield* asked(history)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The index made anew from the log, page by page. */
async function madeAnew(log: EventLog, file: string): Promise<Measure> {
  using history = new History(file)
  const began = performance.now()
  await caughtUp(history, log)
  const seconds = (performance.now() - began) / 1000
  return { what: 'index made anew from the log', value: (RESULTS - UNREAD) / seconds, unit: 'results/s' }
}

/** Resolves when the index has all that the log tells by now. */
async function caughtUp(history: History, log: EventLog): Promise<void> {
  const end = log.end('events.day2')
  const stopping = new AbortController()
  const parts = { log, now: () => Date.now(), keepMs: 400 * DAY, signal: stopping.signal, tell: () => undefined }
  const following = followHistory(history, parts)
  while (history.position !== end) await Promise.race([rest(1), following])
  stopping.abort()
  await following
}

/** All that was done to one host, of 200 hosts. */
function* asked(history: History): Iterable<Measure> {
  const took = Array.from({ length: 200 }, (_, index) => {
    const began = performance.now()
    const { rows } = history.page({ host: `vm-${index * 7}.shop.prod-1`, limit: 500 })
    if (rows.length < RESULTS / VMS) throw new Error('a host without results')
    return performance.now() - began
  }).sort((a, b) => a - b)
  const what = 'all results of one host (100)'
  const [half, most] = [took[100] ?? Number.NaN, took[197] ?? Number.NaN]
  yield { what: `${what}, p50`, value: half, unit: 'ms', must: { of: 'value', atMost: 10 } }
  yield { what: `${what}, p99`, value: most, unit: 'ms', must: { of: 'value', atMost: 10 } }
}

const rest = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
