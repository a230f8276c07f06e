import { type Controller, expiryWarning } from './aap/index.ts'

/** How often it is looked at until when the token is good. */
export const TOKEN_LOOK_MS = 43_200_000

/**
 * Warns of a token of the controller that ends soon, at the start and twice a day, again and again until it is another one. What can not be
 * told now is asked again. `rest` waits so many ms, or until the signal aborts. Never rejects.
 */
export async function watchToken(
  controller: Pick<Controller, 'tokenExpiry'>,
  parts: {
    now: () => number
    signal: AbortSignal
    rest: (ms: number) => Promise<void>
    warn: (warning: string) => void
  },
): Promise<void> {
  const { now, signal, rest, warn } = parts
  while (!signal.aborted) {
    const expiry = await controller.tokenExpiry().catch(() => 'unknown' as const)
    const warning = expiryWarning(expiry, now())
    if (warning !== '') warn(warning)
    await rest(TOKEN_LOOK_MS)
  }
}
