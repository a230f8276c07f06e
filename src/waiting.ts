/** Waits that can be ended: everything that waits in virtbridge waits here, with a signal, and leaves no timer or listener behind. */

/** Resolves when `event` does, when the signal aborts, or after `ms` (null: no time limit). Never rejects. */
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

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return until(null, signal, ms)
}
