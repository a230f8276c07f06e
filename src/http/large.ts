import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type HttpLimits, LARGE_BYTES } from './limits.ts'
import { Problem } from './problem.ts'
import { Turnstile } from './turnstile.ts'

/**
 * Adds hooks that bound how many large answers (LARGE_BYTES and more) are on their way at once, as each holds its memory until the client
 * has read it. More of them wait for their turn, or are refused with 503 `busy`; small answers never wait. An answer that is not read in
 * time is cut off; a client that leaves frees its place.
 */
export function boundLarge(app: FastifyInstance, limits: HttpLimits): void {
  const turnstile = new Turnstile(limits.large)
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.method === 'HEAD' || sizeOf(payload, reply) < LARGE_BYTES) return payload
    const leave = await turn(turnstile, request.caller?.name ?? request.ip, reply, limits.largeWaitMs)
    if (leave === null) throw busy()
    const late = setTimeout(() => reply.raw.destroy(), limits.largeMs)
    const done = (): void => {
      clearTimeout(late)
      leave()
    }
    if (reply.raw.destroyed) done()
    else reply.raw.once('close', done)
    return payload
  })
}

/** Waits for a turn; null when it takes too long. Rejects with an AbortError when who asked has left. */
async function turn(
  turnstile: Turnstile,
  key: string,
  reply: FastifyReply,
  longestMs: number,
): Promise<(() => void) | null> {
  const late = AbortSignal.timeout(longestMs)
  try {
    return await turnstile.enter(key, AbortSignal.any([leftOf(reply), late]))
  } catch (error) {
    if (late.aborted) return null
    throw error
  }
}

/** Aborts when who asked has left. */
function leftOf(reply: FastifyReply): AbortSignal {
  const left = new AbortController()
  if (reply.raw.destroyed) left.abort()
  else reply.raw.once('close', () => left.abort())
  return left.signal
}

/** Bytes of an answer; 0 for one that is streamed without a content-length. */
function sizeOf(payload: unknown, reply: FastifyReply): number {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length
  return Number(reply.getHeader('content-length') ?? 0)
}

/** True when a request failed because its client left: there is nobody to answer. */
export function hasLeft(error: unknown, request: FastifyRequest): boolean {
  return error instanceof Error && error.name === 'AbortError' && request.raw.socket.destroyed
}

function busy(): Problem {
  return new Problem(503, 'busy', 'too many large answers are on their way', {
    hint: 'ask again in a moment; ask with If-None-Match for what may not have changed',
    headers: { 'retry-after': '5' },
  })
}
