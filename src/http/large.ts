import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type HttpLimits, LARGE_BYTES } from './limits.ts'
import { Problem } from './problem.ts'
import { Turnstile } from './turnstile.ts'

/**
 * Bounds how many large answers are on their way: each holds its memory until who asked has read it. Others wait for their turn, small
 * answers pass. One that is not read in time is cut off, and one whose reader left gives its place back.
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

/** In bytes; of what is sent in pieces, as far as it is known before. */
function sizeOf(payload: unknown, reply: FastifyReply): number {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length
  return Number(reply.getHeader('content-length') ?? 0)
}

/** True for the end of a request whose client left: nobody is there to be told. */
export function hasLeft(error: unknown, request: FastifyRequest): boolean {
  return error instanceof Error && error.name === 'AbortError' && request.raw.socket.destroyed
}

function busy(): Problem {
  return new Problem(503, 'busy', 'too many large answers are on their way', {
    hint: 'ask again in a moment; ask with If-None-Match for what may not have changed',
    headers: { 'retry-after': '5' },
  })
}
