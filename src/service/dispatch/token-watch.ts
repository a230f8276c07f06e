import { type Controller, expiryWarning } from '../../aap/index.ts'

/** How often the expiry of the token is asked for: twice a day. */
const TOKEN_LOOK_MS = 43_200_000

/**
 * Warns while the controller's token is about to expire: at the start and then twice a day, until it is replaced. When the controller does
 * not answer, it is asked again the next time. `rest` waits that many ms, or until the signal aborts. Never rejects.
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
