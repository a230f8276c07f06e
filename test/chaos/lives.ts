import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { type Promised, promises } from './load.ts'

const WRITER = join(import.meta.dirname, 'writer.ts')
const SOON = { timeout: 30_000, interval: 20 }

export interface Writer {
  readonly process: ChildProcess
  readonly lines: readonly string[]
  readonly printed: (line: string) => Promise<void>
}

/** A writer in a process of its own, gone with the test. */
export function startWriter(folder: string, brokers: readonly string[], keys: string): Writer {
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, [WRITER, folder, brokers.join(','), keys], { stdio: [...stdio] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', line => lines.push(line))
  const printed = async (line: string): Promise<void> => {
    await expect.poll(() => lines, SOON).toContain(line)
  }
  return { process: child, lines, printed }
}

/** Numbers from 0 to 1, the same for the same seed (MINSTD). */
function randoms(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/** Lives of one writer after the other, each killed within a second at a moment the seed says. Gives what they were promised. */
export async function killAgainAndAgain(
  folder: string,
  brokers: readonly string[],
  { seed, lives }: { seed: number; lives: number },
): Promise<readonly Promised[]> {
  const promised = promises(4).map(({ key }) => ({ key, attempted: Infinity, acknowledged: 0 }))
  const delays = randoms(seed)
  for (let life = 0; life < lives; life += 1) {
    const child = startWriter(folder, brokers, promised.map(({ key }) => key).join(','))
    const left = once(child.process, 'close')
    await child.printed('open')
    await sleep(delays() * 1_000)
    child.process.kill('SIGKILL')
    await left
    for (const line of child.lines) {
      const [key, n] = line.split(' ')
      const one = promised.find(one => one.key === key)
      if (one !== undefined) one.acknowledged = Number(n)
    }
  }
  return promised
}
