import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished } from 'vitest'
import { randomOf } from '../laws/chaos.ts'
import { type Promised, promises } from './load.ts'
import type { Said } from './timeline.ts'
import type { Work } from './writer.ts'

const WRITER = join(import.meta.dirname, 'writer.ts')
const DIE = join(import.meta.dirname, 'die.ts')
const SOON = { timeout: 60_000, interval: 20 }

/** A writer in a process of its own. */
export interface Writer extends AsyncDisposable {
  readonly process: ChildProcess
  /** Everything it said, and when. */
  readonly said: readonly Said[]
  /** Appends that were acknowledged. */
  readonly acknowledged: number
  /** Resolves when it said a line that begins so. */
  readonly saying: (line: string) => Promise<void>
  /** Resolves when so many more were acknowledged. */
  readonly more: (count?: number) => Promise<void>
  readonly ended: Promise<unknown>
}

const CALM = { keys: promises(4).map(({ key }) => key), window: 1, everyMs: 0, filler: 0, requestTimeoutMs: 5_000 }

/** Starts a writer, which is gone with the test. What it says is kept in `promised` too. */
export function startWriter(
  work: Pick<Work, 'folder' | 'brokers'> & Partial<Work>,
  promised: readonly Promised[] = [],
  dieAt = Infinity,
): Writer {
  // V8 lets its youngest objects take up to 100 MB before it looks: what we keep is to be measured, not that.
  const args = ['--max-semi-space-size=8', '--import', DIE, WRITER, JSON.stringify({ ...CALM, ...work })]
  const env = { ...process.env, NODE_NO_WARNINGS: '1', ...(dieAt === Infinity ? {} : { DIE_AT: String(dieAt) }) }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const kill = (): void => void child.kill('SIGKILL')
  onTestFinished(kill)
  const said: Said[] = []
  const byKey = new Map(promised.map(one => [one.key, one]))
  let acknowledged = 0
  createInterface({ input: child.stdout }).on('line', line => {
    said.push({ at: performance.now(), line })
    const [what, key = '', n = ''] = line.split(' ')
    const one = byKey.get(key)
    if (what === 'ok') acknowledged += 1
    if (what === 'ok' && one !== undefined) one.acknowledged = Math.max(one.acknowledged, Number(n))
    if (what === 'try' && one !== undefined) one.attempted = Math.max(one.attempted, Number(n))
  })
  const ended = once(child, 'close')
  return {
    process: child,
    said,
    get acknowledged() {
      return acknowledged
    },
    saying: async line => {
      await expect.poll(() => said.some(one => one.line.startsWith(line)), SOON).toBe(true)
    },
    more: async (count = 100) => {
      const now = acknowledged
      await expect.poll(() => acknowledged > now + count || gone(child), SOON).toBe(true)
      if (gone(child)) throw new Error(`the writer ended; its last words: ${said.at(-1)?.line ?? ''}`)
    },
    ended,
    async [Symbol.asyncDispose]() {
      kill()
      await ended
    },
  }
}

function gone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Awaits of a life: those until it can write, about, and of those after that in how many it may end. */
export interface Span {
  readonly opening: number
  readonly writing: number
}

export const KAFKA_LIFE: Span = { opening: 1_600, writing: 8_000 }
export const SQLITE_LIFE: Span = { opening: 300, writing: 1_500 }

/**
 * Lives of one writer after the other, each killed at an await that the seed says: one in four while it opens the log, the others while
 * it writes. Gives what they were promised.
 */
export async function killAtAwaits(
  work: Pick<Work, 'folder' | 'brokers'>,
  { seed, lives, span }: { seed: number; lives: number; span: Span },
): Promise<readonly Promised[]> {
  const promised = promises(4)
  const random = randomOf(seed)
  for (let life = 0; life < lives; life += 1) {
    const opening = random() < 0.25
    const dieAt = 1 + Math.floor(opening ? random() * span.opening : span.opening + random() * span.writing)
    const life = startWriter(work, promised, dieAt)
    await life.ended
    if (life.process.signalCode !== 'SIGKILL') throw new Error(`it ended by itself (await ${dieAt} of seed ${seed})`)
  }
  return promised
}
