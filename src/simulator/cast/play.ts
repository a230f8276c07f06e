import type { Clock } from '../kube/clock.ts'
import type { Store } from '../kube/store.ts'
import type { ClusterName } from './cast.ts'
import type { Journal } from './journal.ts'
import { inhabitants, smallAct } from './living.ts'
import { performOp } from './op.ts'
import type { Act } from './story.ts'

const RETRY_MS = 300
/** An op that is not possible for this long, at speed 1, is given up. */
const PATIENCE_MS = 60_000

/** Who plays, on which stage, and how fast. */
export interface PlayOptions {
  stores: ReadonlyMap<ClusterName, Store>
  journal: Journal
  clock: Clock
  speed: number
  seed: string
}

/** How one showing goes: `signal` ends it early, without an error; `tell` hears each act as it begins. */
export interface Showing {
  signal: AbortSignal
  tell?: (act: Act) => void
}

/** Plays the acts that have not been played, and remembers each in the journal, so that a second call goes on. */
export async function play(acts: readonly Act[], options: PlayOptions, { signal, tell }: Showing): Promise<void> {
  for (let index = options.journal.read('act'); index < acts.length; index++) {
    const act = acts[index]
    if (act === undefined) return
    await pause(options, act.afterMs, signal)
    if (signal.aborted) return
    tell?.(act)
    await perform(act, options, signal)
    if (signal.aborted) return
    options.journal.write('act', index + 1)
  }
}

/** One small act after another, about every `everyMs` (at speed 1), until the signal. */
export async function live(options: PlayOptions, everyMs: number, { signal, tell }: Showing): Promise<void> {
  while (!signal.aborted) {
    const count = options.journal.read('living')
    await pause(options, everyMs, signal)
    if (signal.aborted) return
    const act = smallAct(inhabitants(options.stores), options.seed, count)
    if (act !== null) {
      tell?.(act)
      await perform(act, options, signal)
    }
    if (signal.aborted) return
    options.journal.write('living', count + 1)
  }
}

async function perform(act: Act, options: PlayOptions, signal: AbortSignal): Promise<void> {
  const until = options.clock.now() + PATIENCE_MS / options.speed
  for (const op of act.ops) {
    const store = options.stores.get(op.cluster)
    if (signal.aborted) return
    if (store === undefined) continue
    while (performOp(store, op) === 'wait') {
      if (options.clock.now() >= until) return
      await pause(options, RETRY_MS, signal)
      if (signal.aborted) return
    }
  }
}

function pause({ clock, speed }: PlayOptions, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const timer = clock.setTimer(delayMs / speed, done)
    function done(): void {
      signal.removeEventListener('abort', done)
      timer.cancel()
      resolve()
    }
    signal.addEventListener('abort', done)
  })
}
