import { promiseHooks } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

/**
 * Put before a program by `node --import`: ends it without a word (SIGKILL) at its nth await, that is when the nth continuation of any
 * promise is about to run, its own or a library's. `DIE_AT` is n; none: it lives, and they are only counted.
 */
const at = Number(process.env['DIE_AT'] ?? Infinity)
let count = 0

if (isMainThread) {
  promiseHooks.onBefore(() => {
    count += 1
    if (count === at) process.kill(process.pid, 'SIGKILL')
  })
}

/** How many continuations have run so far. */
export function awaits(): number {
  return count
}
