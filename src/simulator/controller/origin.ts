import { messageOf } from '../../errors.ts'

/**
 * Where an inventory source gets its document: an endpoint that answers GET with Ansible's script form, or a function.
 * It stands for the script or plugin that a real controller would run from the source's project.
 */
export type Origin = { url: string; token: string } | (() => unknown)

export type Fetched = { ok: true; document: unknown } | { ok: false; cause: string }

const TIMEOUT_MS = 30_000

/** Gets the document once. Whatever goes wrong is a cause in words: the update that asked will fail with it. */
export async function fetchDocument(origin: Origin | undefined, signal: AbortSignal): Promise<Fetched> {
  if (origin === undefined)
    return { ok: false, cause: 'this source has no origin: the simulated controller was started without one for it' }
  try {
    if (typeof origin === 'function') return { ok: true, document: await origin() }
    const response = await fetch(origin.url, {
      headers: { authorization: `Bearer ${origin.token}`, accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    if (!response.ok) {
      await response.body?.cancel()
      return { ok: false, cause: `${origin.url} answered ${response.status}` }
    }
    return { ok: true, document: await response.json() }
  } catch (error) {
    return { ok: false, cause: `the source could not be read: ${messageOf(error)}` }
  }
}
