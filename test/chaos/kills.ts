import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'vitest'
import { pause } from '../../src/waiting.ts'
import type { KubeApiserver } from '../servers/kube-apiserver.ts'
import { shippedToken } from '../support/shipped-rights.ts'
import type { Herd } from './herd.ts'
import { disagreement } from './judge.ts'
import { startWatcher } from './watcher.ts'

const PROGRAM = join(import.meta.dirname, 'watcher-process.ts')

/**
 * Kills a watcher so many times at random moments, mostly within its first list, while things happen, and starts it again on the same
 * log; then lets one finish and waits until all three say the same: the events, the stored state, the API server. Gives what is wrong with
 * the events.
 */
export async function killAgainAndAgain(options: {
  readonly api: KubeApiserver
  readonly herd: Herd
  readonly folder: string
  readonly kills: number
  readonly random: () => number
}): Promise<readonly string[]> {
  const { api, herd, folder, kills, random } = options
  const token = await shippedToken(api)
  const work = JSON.stringify({ folder, url: api.url, ca: api.ca, token })
  const forever = new AbortController().signal
  for (let kill = 0; kill < kills; kill += 1) {
    const env = { ...process.env, NODE_NO_WARNINGS: '1' }
    const child = spawn(process.execPath, [PROGRAM, work], { stdio: ['ignore', 'pipe', 'inherit'], env })
    const ended = once(child, 'exit')
    // Half of them die before they are synced, the others while they watch.
    if (random() < 0.5) await Promise.race([once(child.stdout, 'data'), ended])
    const change = herd.happen().then(() => herd.happen())
    await pause(random() * 250, forever)
    child.kill('SIGKILL')
    await Promise.all([ended, change])
  }
  await using watcher = await startWatcher({
    folder,
    url: api.url,
    ca: api.ca,
    token: () => Promise.resolve(token),
  })
  return await disagreement(watcher.log, api.client)
}

/** A cluster is adopted, so that what comes after is news. */
export async function adopt(api: KubeApiserver, folder: string): Promise<void> {
  const token = await shippedToken(api)
  await using watcher = await startWatcher({
    folder,
    url: api.url,
    ca: api.ca,
    token: () => Promise.resolve(token),
  })
  await expect.poll(() => watcher.watch.record.status, { timeout: 60_000, interval: 20 }).toBe('synced')
}
