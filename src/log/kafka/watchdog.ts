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
  const bite = new AbortController()
  const signal = AbortSignal.any([closing, bite.signal])
  const given = Promise.withResolvers<never>()
  const giveUp = (): void => given.reject(signal.reason)
  given.promise.catch(() => undefined)
  using _dog = after(ms, () => bite.abort(new Error(`no answer within ${ms / 1000} s`)))
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  try {
    return await Promise.race([work(signal), given.promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
