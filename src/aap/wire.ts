import http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'
import { create, isAxiosError, type AxiosInstance } from 'axios'
import { messageOf } from '../errors.ts'
import { oneLine } from './complaint.ts'

/** The largest answer that is read: an inventory of 100,000 hosts is about 47 MB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** Connections to one controller; a growth topology serves about 8 requests a second. */
export const MAX_CONNECTIONS = 8

/** What became of one HTTP request. It is never thrown: an error of axios carries the request's headers, and so the token. */
export type Exchange =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly contentType: string
      readonly location: string
      readonly retryAfterMs: number
      readonly body: string
    }
  /** `sent` is false only when surely not one byte of the request left: there was never a connection to write it on. */
  | { readonly kind: 'lost'; readonly sent: boolean; readonly code: string; readonly reason: string }

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly token: string
  readonly body?: string
  /** Do not use a kept connection: one that the other end has just closed looks exactly like a lost answer. */
  readonly fresh?: boolean
  /** Asked when there is a connection, right before the first byte is written on it: when it says no, nothing is. */
  readonly still?: () => boolean
  readonly signal: AbortSignal
}

export interface Wire extends Disposable {
  /** Sends once. No retry, no redirect, no proxy from the environment; at most `timeoutMs` until the last byte of the answer. */
  exchange(request: Request): Promise<Exchange>
}

/** One controller's connections. `ca` (PEM) is trusted beside the public roots. */
export function openWire(options: { timeoutMs: number; ca?: string }): Wire {
  const trust = options.ca === undefined ? {} : { ca: [...tls.rootCertificates, options.ca] }
  const kept = { keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: MAX_CONNECTIONS }
  const once = { keepAlive: false, maxSockets: MAX_CONNECTIONS }
  const agents = {
    kept: { httpAgent: new http.Agent(kept), httpsAgent: new https.Agent({ ...kept, ...trust }) },
    fresh: { httpAgent: new http.Agent(once), httpsAgent: new https.Agent({ ...once, ...trust }) },
  }
  const client = create({
    adapter: 'http',
    maxRedirects: 0,
    maxContentLength: MAX_ANSWER_BYTES,
    maxBodyLength: 4 * 1024 * 1024,
    proxy: false,
    responseType: 'text',
    transformRequest: [(body: unknown) => body],
    transformResponse: [(body: unknown) => body],
    validateStatus: () => true,
  })
  return {
    exchange: request =>
      exchange(client, request, request.fresh === true ? agents.fresh : agents.kept, options.timeoutMs),
    [Symbol.dispose]: () => {
      for (const pair of Object.values(agents)) for (const agent of Object.values(pair)) agent.destroy()
    },
  }
}

async function exchange(client: AxiosInstance, request: Request, agents: object, timeoutMs: number): Promise<Exchange> {
  const deadline = AbortSignal.timeout(timeoutMs)
  const sending = { sent: false }
  try {
    const answer = await client.request<string>({
      method: request.method,
      url: request.url.href,
      headers: headersOf(request),
      ...(request.body === undefined ? {} : { data: request.body }),
      ...agents,
      transport: transportNoting(sending, request),
      signal: AbortSignal.any([request.signal, deadline]),
    })
    const header = (name: string) => String(answer.headers[name] ?? '')
    return {
      kind: 'answered',
      status: answer.status,
      contentType: header('content-type').toLowerCase(),
      location: header('location'),
      retryAfterMs: retryAfterMs(header('retry-after')),
      body: typeof answer.data === 'string' ? answer.data : '',
    }
  } catch (error) {
    if (deadline.aborted)
      return { kind: 'lost', sent: sending.sent, code: 'ETIMEDOUT', reason: `no answer within ${timeoutMs} ms` }
    if (request.signal.aborted)
      return { kind: 'lost', sent: sending.sent, code: 'ABORTED', reason: 'virtbridge stopped waiting' }
    const code = isAxiosError(error) ? (error.code ?? '') : ''
    return { kind: 'lost', sent: sending.sent, code, reason: oneLine(messageOf(error)) || code || 'connection failed' }
  }
}

function headersOf(request: Request): Record<string, string> {
  return {
    Accept: 'application/json',
    Authorization: `Bearer ${request.token}`,
    'User-Agent': 'virtbridge',
    ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
  }
}

/**
 * Node's own transport that notes when there is a connection (and, with TLS, a finished handshake) to write the request on. Until
 * then the other end can not have seen any of it, whatever the error is called.
 */
function transportNoting(sending: { sent: boolean }, { url, still }: Pick<Request, 'url' | 'still'>) {
  const secure = url.protocol === 'https:'
  return {
    request(options: https.RequestOptions, answered: (response: http.IncomingMessage) => void): http.ClientRequest {
      const request = (secure ? https : http).request(options, answered)
      request.once('socket', socket => {
        const note = () => {
          if (still?.() === false) return void request.destroy(new Error('not sent: it is too late for it'))
          sending.sent = true
        }
        if (request.reusedSocket || !socket.connecting) note()
        else socket.once(secure ? 'secureConnect' : 'connect', note)
      })
      return request
    },
  }
}

/** Seconds only; the date form is not used by controllers or the proxies before them. At most an hour is believed. */
function retryAfterMs(header: string): number {
  return /^\d{1,9}$/.test(header) ? Math.min(Number(header), 3600) * 1000 : 0
}
