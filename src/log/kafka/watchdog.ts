/** Does something later, in ms, unless it is disposed of before. */
export function after(ms: number, act: () => void): Disposable {
  const timer = setTimeout(act, ms)
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

/**
 * Work that is given up when it takes longer than `ms`, or when `closing` aborts: it hears so by its signal, and whoever waits for it at
 * once, whatever hangs.
 */
export async function watched<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  closing: AbortSignal,
): Promise<T> {
  // No `AbortSignal.any`: it costs more than all else here, and every commit is watched.
  const bite = new AbortController()
  const given = Promise.withResolvers<never>()
  given.promise.catch(() => undefined)
  const giveUp = (reason: unknown): void => {
    bite.abort(reason)
    given.reject(reason)
  }
  const close = (): void => giveUp(closing.reason)
  using _dog = after(ms, () => giveUp(new Error(`no answer within ${ms / 1000} s`)))
  closing.addEventListener('abort', close, { once: true })
  if (closing.aborted) close()
  try {
    return await Promise.race([work(bite.signal), given.promise])
  } finally {
    closing.removeEventListener('abort', close)
  }
}
