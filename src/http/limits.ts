import type { FastifyHttpOptions } from 'fastify'
import type { Server } from 'node:http'
import type { Rate } from './rate.ts'
import type { Room } from './turnstile.ts'

/** The largest body that is read: a run of 10,000 hosts. */
const BODY_LIMIT = 1_048_576
/** The longest part of a path: a host name is up to 381 characters, three each when they are escaped. */
const MAX_PARAM = 1_200
/** The longest address of a request, with its query. */
export const MAX_URL = 8_192
/** All headers of a request with its first line. */
const HEADER_BYTES = 16_384
/** Connections at once; who comes when there are so many is cut off. */
export const MAX_SOCKETS = 2_000
/** An answer of so many bytes is a large one: its memory is held until who asked has read it. */
export const LARGE_BYTES = 262_144
/** Large answers on their way at once, in all and to one token; more wait, and beyond those that may wait are refused. */
const LARGE_AT_ONCE = 32
const LARGE_EACH_AT_ONCE = 8
const MAX_WAITING = 1_000

/** How much is taken from clients, and for how long they are waited for. Times in ms. */
export interface HttpLimits {
  /** Requests of one token. */
  readonly token: Rate
  /** Requests from one address that show no valid token. */
  readonly stranger: Rate
  readonly large: Room
  /** How long one waits for its turn before it is refused. */
  readonly largeWaitMs: number
  /** How long a large answer may take in all, however steadily it is read. */
  readonly largeMs: number
  /** How long the headers of a request, and the whole of it, may take to come. */
  readonly headersMs: number
  readonly requestMs: number
  /** How long a connection may lie without a request, and how long one may neither send nor read while there is one. */
  readonly idleMs: number
  readonly stalledMs: number
  /** The same of who follows events: who sleeps for a while is not cut off. */
  readonly stalledFollowerMs: number
  /** How often it is looked whether who follows events still may. */
  readonly entitledMs: number
}

export const LIMITS: HttpLimits = {
  token: { burst: 1_000, perSecond: 200 },
  stranger: { burst: 100, perSecond: 10 },
  large: { all: LARGE_AT_ONCE, each: LARGE_EACH_AT_ONCE, waiting: MAX_WAITING },
  largeWaitMs: 30_000,
  largeMs: 600_000,
  headersMs: 10_000,
  requestMs: 30_000,
  // Longer than proxies usually keep one: it is them who end it, between two requests.
  idleMs: 75_000,
  stalledMs: 120_000,
  stalledFollowerMs: 600_000,
  entitledMs: 15_000,
}

/** The usual limits, but for what configuration says. */
export function limitsFrom(said: {
  readonly token_requests_per_second: number
  readonly token_burst: number
  readonly stranger_requests_per_second: number
  readonly stranger_burst: number
  readonly large_answers: number
  readonly large_answers_per_token: number
}): HttpLimits {
  return {
    ...LIMITS,
    token: { burst: said.token_burst, perSecond: said.token_requests_per_second },
    stranger: { burst: said.stranger_burst, perSecond: said.stranger_requests_per_second },
    large: { ...LIMITS.large, all: said.large_answers, each: said.large_answers_per_token },
  }
}

/** How often late requests are looked for. */
const LOOK_MS = 5_000

/** The same as Fastify and Node take it. */
export function serverOptions({ headersMs, requestMs, idleMs, stalledMs }: HttpLimits): FastifyHttpOptions<Server> {
  return {
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM },
    http: {
      maxHeaderSize: HEADER_BYTES,
      // The gate says so in our own form.
      requireHostHeader: false,
      headersTimeout: headersMs,
      connectionsCheckingInterval: Math.min(LOOK_MS, headersMs),
    },
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionTimeout: stalledMs,
  }
}
