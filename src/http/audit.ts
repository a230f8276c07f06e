import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AppParts } from './parts.ts'

/** What an answer was about, as its route tells. */
export interface Told {
  readonly view?: string
  readonly host?: string
  /** Hosts in the answer, or named in the request. */
  readonly hosts?: number
  /** It goes on: a stream. */
  readonly stream?: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** For the audit: what the answer is about. */
    told: Told
  }
}

/** The most characters of one text from a request that a line of the audit repeats. */
const MAX_REPEATED = 256

/** What may stand around a token in such a text. It may have all of it in itself but white space, so it is looked for in pieces of each size. */
const ENDS = [/\s+/, /[\s,;&"']+/, /(?:%[0-9a-f]{2}|[^\w.~+-])+/i]

/**
 * Adds the audit: one log line for each request of a route that needs a token, with caller, route, address and status, also for 304 and
 * for refused ones. Written at level `info` whatever the level of the log. Requests that a limit refused (429) are counted and not
 * written, so that a flood of requests is no flood of lines. A stream has a line when it is opened and one when it ends.
 */
export function addAudit(app: FastifyInstance, parts: AppParts): void {
  const log = parts.logger.child({ audit: 'request' }, { level: 'info' })
  app.decorateRequest('told', null as never)
  app.addHook('onRequest', (request, reply, done) => {
    request.told = {}
    const { api } = request.routeOptions.config
    if (request.is404 || api?.right === null) return done()
    let written = false
    const write = (cut: boolean): void => {
      if (written) return
      written = true
      count(parts, request, reply)
      if (reply.statusCode !== 429)
        log.info(lineOf(parts, request, reply, { cut, ms: parts.now() - began }), 'the API was asked')
    }
    const began = parts.now()
    // `finish` never comes when the client hangs up: it was answered in part all the same.
    reply.raw.once('finish', () => write(false))
    reply.raw.once('close', () => write(true))
    done()
  })
}

/** Writes the line of a stream when it is opened; that of its end comes from the hook. */
export function auditStream(parts: AppParts, request: FastifyRequest, told: Told): void {
  request.told = { ...told, stream: true }
  const log = parts.logger.child({ audit: 'request' }, { level: 'info' })
  log.info({ ...whoOf(request), ...whatOf(parts, request), status: 200 }, 'a stream was opened')
}

function count({ metrics }: AppParts, request: FastifyRequest, reply: FastifyReply): void {
  const who = request.caller?.name ?? ''
  metrics.reads.inc({ token: who, route: request.routeOptions.url ?? '', status: String(reply.statusCode) })
  metrics.readBytes.inc({ token: who }, bytesOf(reply))
}

/** `cut`: not all of it was taken. */
function lineOf(
  parts: AppParts,
  request: FastifyRequest,
  reply: FastifyReply,
  end: { cut: boolean; ms: number },
): object {
  return {
    ...whoOf(request),
    ...whatOf(parts, request),
    status: reply.raw.headersSent ? reply.raw.statusCode : 0,
    etag: String(reply.getHeader('etag') ?? ''),
    bytes: bytesOf(reply),
    ...end,
  }
}

function whoOf({ caller, ip }: FastifyRequest): object {
  return { who: caller?.name ?? '', from: ip }
}

function whatOf(parts: AppParts, { method, routeOptions, query, params, told, headers }: FastifyRequest): object {
  const repeated = (text: string): string => (holdsToken(parts, text) ? '(a token)' : text.slice(0, MAX_REPEATED))
  const asked = Object.entries(query ?? {}).map(([name, value]) => [name, String(value)] as const)
  // Of who was refused the route tells nothing: it was never asked, or had not come so far.
  const named: Readonly<Record<string, string>> = { ...Object.fromEntries(asked), ...(params as object) }
  const { view = named['view'] ?? '', host = named['host'] ?? named['why'] ?? '', hosts = 0, stream = false } = told
  return {
    method,
    route: routeOptions.url ?? '',
    query: Object.fromEntries(asked.map(([name, value]) => [repeated(name), repeated(value)])),
    view: repeated(view),
    host: repeated(host),
    hosts,
    ...(stream ? { stream } : {}),
    agent: repeated(headers['user-agent'] ?? ''),
  }
}

/** What somebody put into the wrong place: it would open the API to whoever reads the log. */
function holdsToken({ authenticate }: AppParts, text: string): boolean {
  const cut = ENDS.flatMap(end => text.split(end))
  const pieces = new Set([text, ...cut, ...cut.map(piece => piece.replace(/^[^=:]*[=:]/, ''))])
  return [...pieces].some(piece => piece !== '' && authenticate(`Bearer ${piece}`) !== null)
}

function bytesOf(reply: FastifyReply): number {
  const length = Number(reply.getHeader('content-length') ?? 0)
  return reply.request.method === 'HEAD' || !Number.isFinite(length) ? 0 : length
}
