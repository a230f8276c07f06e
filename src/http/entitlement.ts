import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'
import { LIMITS } from './limits.ts'
import { type AppParts, requireCaller } from './parts.ts'

/**
 * Aborts when who opened a stream may no longer read it as they did: their token has expired, was taken away, or may do something else.
 * Only when two looks in a row say so: a file of a token is empty for a moment while it is written. Looks until `ended` aborts.
 */
export function whileEntitled(parts: AppParts, request: FastifyRequest, ended: AbortSignal): AbortSignal {
  const lapse = new AbortController()
  const opened = requireCaller(request)
  let doubts = 0
  const timer = setInterval(() => {
    const same = isDeepStrictEqual(parts.authenticate(request.headers.authorization), opened)
    doubts = same ? 0 : doubts + 1
    if (doubts < 2) return
    clearInterval(timer)
    lapse.abort()
  }, parts.limits?.entitledMs ?? LIMITS.entitledMs)
  timer.unref()
  if (ended.aborted) clearInterval(timer)
  else ended.addEventListener('abort', () => clearInterval(timer), { once: true })
  return lapse.signal
}
