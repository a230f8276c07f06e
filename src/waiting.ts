/** The two ways to wait. Both end at once when their signal aborts, and leave no timer or listener behind; nothing else in src waits. */

/** Resolves when `event` settles, when the signal aborts, or after `ms` milliseconds (null: no time limit), whichever is first. Never rejects. */
export async function until(
  event: Promise<unknown> | null,
  signal: AbortSignal,
  ms: number | null = null,
): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = ms === null ? undefined : setTimeout(done, Math.min(Math.max(0, ms), 0x7fff_ffff))
    signal.addEventListener('abort', done, { once: true })
    event?.then(done, done)
  })
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. Never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return until(null, signal, ms)
}
