import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { authenticate } from './auth.ts'
import { discover, NODE, VERSION } from './discovery.ts'
import { GATEWAY_TITLES, htmlReply, unauthorized } from './error-reply.ts'
import { forbidden, notAllowed, Refusal } from './route.ts'
import { matchRoute } from './router.ts'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Clock } from './clock.ts'
import type { Faults, RequestFault } from './faults.ts'
import type { Reply, Tell } from './route.ts'
import type { Store } from './store.ts'

export type ServerParts = {
  store: Store
  clock: Clock
  faults: Faults
  base: string
  tell: Tell
  /** Called after a request that may have changed something, before its answer goes out. */
  committed: () => void
}

type Request = { method: string; url: URL; path: string; headers: IncomingMessage['headers']; body: string }

const MAX_BODY = 4_194_304
/** The longest path and query that the web server in front of a real controller takes. */
const MAX_URL = 8_177

/** The HTTP side: reads a request, lets a fault have its way, and answers. Not listening yet. */
export function createControllerServer(parts: ServerParts): Server {
  return createServer({ maxHeaderSize: 131_072 }, (request, response) => {
    serve(parts, request, response).catch((error: unknown) => {
      // The client went away, or the simulator has a defect: either way there is nobody to tell but the log.
      if (!response.headersSent && !response.destroyed) send(response, htmlReply(500, 'Server Error (500)'))
      parts.tell({ kind: 'defect', text: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    })
  })
}

async function serve(parts: ServerParts, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(incoming.url ?? '/', 'http://controller')
  if ((incoming.url ?? '').length > MAX_URL) return send(response, htmlReply(414, '414 Request-URI Too Large'))
  const body = await readBody(incoming)
  if (body === undefined) return send(response, htmlReply(413, '413 Request Entity Too Large'))
  const request: Request = {
    method: incoming.method ?? 'GET',
    url,
    path: url.pathname,
    headers: incoming.headers,
    body,
  }

  const commit = (): Reply => {
    const reply = answer(parts, request)
    if (request.method === 'POST') parts.committed()
    return reply
  }
  const fault = parts.faults.take(request.method, request.path)
  if (fault === undefined) send(response, commit())
  else suffer(parts, fault, response, commit)
  parts.faults.answered(request.method, request.path)
}

async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function suffer({ clock }: ServerParts, fault: RequestFault, response: ServerResponse, commit: () => Reply): void {
  switch (fault.kind) {
    case 'commit-then-drop':
      commit()
      return void response.destroy()
    case 'drop-before-commit':
      return void response.destroy()
    case 'drop-then-commit':
      clock.after(fault.afterMs, commit)
      return void response.destroy()
    case 'gateway-error':
      if (fault.commit) commit()
      return send(response, htmlReply(fault.status, GATEWAY_TITLES[fault.status]))
    case 'too-many-requests':
      return send(response, {
        ...htmlReply(429, '429 Too Many Requests'),
        headers: { 'Content-Type': 'text/html', 'Retry-After': String(fault.retryAfterS) },
      })
    case 'unauthorized':
      return send(response, unauthorized())
    case 'server-error':
      return send(response, htmlReply(500, 'Server Error (500)'))
    case 'hang':
      return
    case 'slow': {
      const reply = commit()
      return void clock.after(fault.ms, () => send(response, reply))
    }
    case 'truncated': {
      const reply = commit()
      const text = JSON.stringify(reply.body ?? {})
      response.writeHead(reply.status, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
      })
      response.write(text.slice(0, Math.ceil(text.length / 2)), () => response.destroy())
    }
  }
}

/** Routes a request and runs it. Every outcome is a reply, refusals too. */
function answer(parts: ServerParts, request: Request): Reply {
  const { store, clock, base, tell } = parts
  const { method, path, url } = request
  const discovered = discover(path, base)
  if (discovered !== undefined) return withHeaders(discovered, 'GET, HEAD, OPTIONS', false)
  const matched = matchRoute(path, base)
  if (matched === undefined)
    return withHeaders({ status: 404, body: { detail: 'The requested resource could not be found.' } }, '', false)

  const { route, params } = matched
  const principal = authenticate(store, request.headers.authorization, clock.now())
  if (principal === undefined && route.open !== true) return withHeaders(unauthorized(), route.allow, false)
  try {
    const act = method === 'GET' || method === 'HEAD' ? route.get : method === 'POST' ? route.post : undefined
    if (act === undefined) throw notAllowed(method)
    const { user, token } = principal ?? NOBODY
    if (method === 'POST' && token.scope === 'read') throw forbidden()
    const body = method === 'POST' ? parseBody(request) : {}
    return withHeaders(
      act({ store, now: clock.now(), user, token, method, base, path, params, query: url.searchParams, body, tell }),
      route.allow,
      principal !== undefined,
    )
  } catch (error) {
    if (error instanceof Refusal) return withHeaders(error.reply, route.allow, principal !== undefined && !error.early)
    throw error
  }
}

const NOBODY = {
  user: { id: 0, username: '', is_superuser: false, roles: [], created: 0 },
  token: { id: 0, value: '', user: 0, scope: 'read' as const, description: '', created: 0, expires: 0 },
}

function parseBody({ body, headers }: Request): { [field: string]: unknown } {
  if (body.trim() === '') return {}
  const type = headers['content-type'] ?? ''
  if (!type.startsWith('application/json'))
    throw new Refusal(415, { detail: `Unsupported media type "${type}" in request.` })
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch (error) {
    const detail = `JSON parse error - ${(error as Error).message}\nPossible cause: trailing comma.`
    throw new Refusal(400, { detail }, true)
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
    return parsed as { [field: string]: unknown }
  throw new Refusal(400, { detail: 'JSON parse error - not a JSON object' }, true)
}

function withHeaders(reply: Reply, allow: string, authenticated: boolean): Reply {
  return {
    ...reply,
    headers: {
      Vary: 'Accept, Accept-Language, origin, Cookie',
      ...(allow === '' ? {} : { Allow: allow }),
      ...(authenticated ? { 'X-API-Product-Version': VERSION } : {}),
      'X-API-Product-Name': 'AWX',
      'X-API-Node': NODE,
      'X-API-Time': '0.010s',
      'X-API-Total-Time': '0.012s',
      'X-API-Request-Id': randomUUID().replaceAll('-', ''),
      'Access-Control-Expose-Headers': 'X-API-Request-Id',
      'Content-Language': 'en',
      ...reply.headers,
    },
  }
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  if (response.destroyed) return
  const isText = typeof body === 'string'
  const text = body === undefined ? '' : isText ? body : JSON.stringify(body)
  response.writeHead(status, {
    ...(body === undefined || isText ? {} : { 'Content-Type': 'application/json' }),
    ...headers,
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}
