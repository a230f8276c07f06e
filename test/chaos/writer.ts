import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type EventLog, LogError, type LogHealth, openSqliteLog } from '../../src/log/index.ts'
import { connectionTo, openIn } from '../log/kafka/place.ts'
import { awaits } from './die.ts'
import { eventOf } from './load.ts'

/** What a writer is to do, as the JSON in its first argument. */
export interface Work {
  readonly folder: string
  /** None: SQLite. */
  readonly brokers: readonly string[]
  readonly keys: readonly string[]
  /** Appends of one key that may be on their way at once, and how long it waits between two, in ms, when it has begun with so many. */
  readonly window: number
  readonly everyMs: number
  /** Characters of each event. */
  readonly filler: number
  readonly requestTimeoutMs: number
}

/**
 * A writer to be killed or paused: `node writer.ts WORK`. Appends to each key from where its state stands on: an event, and the state it
 * leads to. A line each: `open AWAITS`, `try KEY N` before an append, `ok KEY N` when it was acknowledged, `health` with nothing or the
 * reason why it can not write, `memory RSS WAITING` in bytes, and `ended REACTION` when it may write no more.
 */
const YEAR_MS = 31_536_000_000
const work = JSON.parse(process.argv[2] ?? '') as Work

/** At once and whole, so that what was said before the end is known; waits while nobody listens. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

function open(): Promise<EventLog> {
  const { folder, brokers, requestTimeoutMs } = work
  const onHealth = ({ writable, reason }: LogHealth): void => say(writable ? 'health' : `health ${reason}`)
  if (brokers.length === 0) {
    const file = join(folder, 'virtbridge.db')
    return openSqliteLog({ file, retentionMs: YEAR_MS, auditRetentionMs: YEAR_MS, onHealth })
  }
  const connection = { ...connectionTo(brokers), requestTimeoutMs, connectTimeoutMs: requestTimeoutMs }
  return openIn(folder, brokers, { connection, onHealth })
}

/** Appends to one key, in order, and never waits for more than the window to be acknowledged. Ends when it may write no more. */
async function write(log: EventLog, key: string, from: number): Promise<void> {
  const filler = 'x'.repeat(work.filler)
  const onTheirWay = new Set<Promise<void>>()
  const over = { why: '' }
  for (let n = from; over.why === ''; n += 1) {
    say(`try ${key} ${n}`)
    const durable = log
      .append([
        { stream: 'events.vm', key, value: { ...eventOf(key, n), filler } },
        { stream: 'state.fleet', key, value: { n } },
      ])
      .then(
        () => say(`ok ${key} ${n}`),
        error => void (over.why = error instanceof LogError ? error.reaction : String(error)),
      )
      .finally(() => onTheirWay.delete(durable))
    onTheirWay.add(durable)
    if (onTheirWay.size >= work.window) await Promise.race(onTheirWay)
    if (n - from >= work.window && work.everyMs > 0) await sleep(work.everyMs)
  }
  say(`ended ${over.why}`)
}

const log = await open()
const known = new Map<string, number>()
for await (const { key, value } of log.latest('state.fleet')) known.set(key, (value as { n: number }).n)
say(`open ${awaits()}`)
const looking = setInterval(() => {
  say(`memory ${process.memoryUsage.rss()} ${log.health().waitingBytes}`)
}, 50)
await Promise.all(work.keys.map(key => write(log, key, (known.get(key) ?? 0) + 1)))
clearInterval(looking)
process.exit(0)
