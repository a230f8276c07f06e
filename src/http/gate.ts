import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type HttpLimits, MAX_URL } from './limits.ts'
import { type AppParts, requireCaller } from './parts.ts'
import { Problem } from './problem.ts'
import { Buckets } from './rate.ts'

/**
 * Adds the first hook of every request: refuses one that is too long, finds its caller, and refuses a caller that comes too often.
 *
 * - It runs before the body is read, so a client without a valid token costs little, and gets the same 401 on every route.
 * - Callers with a token are counted by token, all others by address: strangers never use up the share of a caller behind the same proxy.
 * - Probes and metrics need no token and have no limit, as a refused probe would have the process restarted.
 */
export function addGate(app: FastifyInstance, parts: AppParts, limits: HttpLimits): void {
  const [tokens, strangers] = [new Buckets(limits.token), new Buckets(limits.stranger)]
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async request => {
    if (parts.signal.aborted) throw closing()
    if (request.url.length > MAX_URL) throw tooLong()
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') throw noHost()
    const { api } = request.routeOptions.config
    if (request.is404 || api?.right === null) return
    request.caller = parts.authenticate(request.headers.authorization)
    const { caller } = request
    const wait = caller === null ? strangers.take(request.ip, parts.now()) : tokens.take(caller.name, parts.now())
    if (wait > 0) throw tooMany(request, wait)
    if (caller?.expired === true) throw expired(caller.name)
    requireCaller(request)
  })
}

function closing(): Problem {
  return new Problem(503, 'closing', 'the service is closing', {
    hint: 'ask again in a moment',
    headers: { 'retry-after': '5' },
  })
}

/** RFC 9112 §3.2. */
function noHost(): Problem {
  return new Problem(400, 'bad_request', 'the header Host is missing', {
    hint: 'speak HTTP/1.1',
    headers: { connection: 'close' },
  })
}

function tooLong(): Problem {
  return new Problem(414, 'too_long', `an address has ${MAX_URL} characters at most`, { hint: 'ask for less at once' })
}

function tooMany({ caller }: FastifyRequest, wait: number): Problem {
  const who = caller === null ? 'without a valid token, from this address' : `with the token "${caller.name}"`
  return new Problem(429, 'too_many_requests', `too many requests ${who}`, {
    hint: `ask again in ${wait} s; ask for what changed with If-None-Match or since, or follow the events`,
    headers: { 'retry-after': String(wait) },
  })
}

function expired(name: string): Problem {
  return new Problem(401, 'token_expired', `the token "${name}" has expired`, {
    hint: 'get a new one; http.tokens says when each ends',
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}
