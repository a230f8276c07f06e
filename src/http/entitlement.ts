import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'
import { pause } from '../waiting.ts'
import { LIMITS } from './limits.ts'
import { type AppParts, requireCaller } from './parts.ts'

/**
 * Aborts when who opened a stream may no longer read it as they did: their token has expired, was taken away, or may do something else.
 * Only when two looks in a row say so: a file of a token is empty for a moment while it is written. Looks until `ended` aborts.
 */
export function whileEntitled(parts: AppParts, request: FastifyRequest, ended: AbortSignal): AbortSignal {
  const lapse = new AbortController()
  const opened = requireCaller(request)
  const look = async (): Promise<void> => {
    for (let doubts = 0; doubts < 2;) {
      await pause(parts.limits?.entitledMs ?? LIMITS.entitledMs, ended)
      if (ended.aborted) return
      const same = isDeepStrictEqual(parts.authenticate(request.headers.authorization), opened)
      doubts = same ? 0 : doubts + 1
    }
    lapse.abort()
  }
  void look()
  return lapse.signal
}
