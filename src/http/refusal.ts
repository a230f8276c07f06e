import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Problem, PROBLEM_TYPE } from './problem.ts'
import { type Part, requestFault, type SchemaFault, unknownNames } from './request-fault.ts'

/** What a fault of the request is called, by its status; Fastify's own codes are no part of this API. */
const KINDS: Readonly<Record<number, { code: string; hint: string }>> = {
  408: { code: 'timeout', hint: 'send the whole request at once' },
  413: { code: 'too_large', hint: 'send less at once: a run takes 500 hosts' },
  414: { code: 'too_long', hint: 'no name here is that long' },
  415: { code: 'no_json', hint: 'send content-type: application/json' },
  431: { code: 'large_header', hint: 'all headers and the address together have 16 KB' },
  503: { code: 'closing', hint: 'ask again in a moment' },
}
const UNKNOWN = { code: 'bad_request', hint: 'mend the request as the message says' }

/** A fault of validation, as Fastify throws it. */
interface Invalid {
  readonly statusCode?: number
  readonly message?: string
  readonly validationContext?: Part
  readonly validation?: readonly SchemaFault[]
}

/** The problem for an error of Fastify that is the client's fault; null for any other error. `knownIn`: the names that a part of the request may have. */
export function refusalOf(error: unknown, knownIn: (part: Part) => readonly string[]): Problem | null {
  const { statusCode, message = 'bad request', validation = [], validationContext: part } = error as Invalid
  if (statusCode === undefined || (statusCode >= 500 && statusCode !== 503)) return null
  if (part !== undefined) return invalid(part, validation, knownIn(part))
  const { code, hint } = KINDS[statusCode] ?? UNKNOWN
  return new Problem(statusCode, code, message, {
    hint,
    ...(statusCode === 503 ? { headers: { 'retry-after': '5' } } : {}),
  })
}

function invalid(part: Part, faults: readonly SchemaFault[], known: readonly string[]): Problem {
  const isUnknown = unknownNames(faults).length > 0
  return new Problem(400, 'bad_request', requestFault(part, faults, known), {
    hint: isUnknown
      ? 'leave it out: what is not known would be passed over in silence'
      : 'mend that and ask again, nothing was done; /api/v1/openapi.json tells what is taken',
    ...(isUnknown ? { more: { known } } : {}),
  })
}

/** Listener for `checkExpectation` of the server: answers 417. Node handles `Expect: 100-continue` itself; nothing else is understood. */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const problem = new Problem(417, 'bad_request', 'this is not expected of anybody here', { hint: 'leave Expect out' })
  const body = JSON.stringify(problem.body())
  const headers = { 'content-type': PROBLEM_TYPE, 'content-length': Buffer.byteLength(body), connection: 'close' }
  response.writeHead(417, headers).end(body)
}

/** Listener for `clientError` of the server: answers bytes that are no HTTP request with a problem, and closes the connection. */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const statuses: Readonly<Record<string, number>> = {
    ERR_HTTP_REQUEST_TIMEOUT: 408,
    HPE_HEADER_OVERFLOW: 431,
    HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  }
  const status = statuses[error.code ?? ''] ?? 400
  const { code, hint } = KINDS[status] ?? { code: 'bad_request', hint: 'speak HTTP/1.1' }
  const body = JSON.stringify(new Problem(status, code, 'this is not read as a request', { hint }).body())
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
