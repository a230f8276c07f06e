import { X509Certificate } from 'node:crypto'
import { steadyClock } from '../clocks.ts'
import { pause } from '../waiting.ts'
import { Answer } from './answer.ts'
import { complaint, oneLine, withoutSecrets } from './complaint.ts'
import { ControllerError, kindOfStatus } from './error.ts'
import { OwnToken } from './own-token.ts'
import { Pace } from './pace.ts'
import { type Exchange, openWire, type Request, type Wire } from './wire.ts'

export interface ControllerOptions {
  /** Scheme and host (and port), nothing more: `https://aap.example.com`. */
  readonly url: string
  /** Called once, and again after a 401: a token that was changed meanwhile is used at once. */
  readonly token: () => string
  /** PEM of the authority that signed the controller's certificate, when no public one did. */
  readonly ca?: string
  /** Bound of one request, first byte to last. */
  readonly requestTimeoutMs: number
  /** Requests a second over all; without it there is no bound. */
  readonly requestsPerSecond?: number
  /** The description of our token in the controller; needed to know its expiry when the account has several. */
  readonly tokenDescription?: string
  /** Ends every request, now and later. */
  readonly signal?: AbortSignal
}

interface PostOptions {
  readonly fresh?: boolean
  readonly still?: () => boolean
  /** It waits for no other request. */
  readonly urgent?: boolean
}

/** One controller, spoken to with one token. Paths are those the controller itself returned. */
export interface Session extends AsyncDisposable {
  readonly origin: string
  /** The answer of a GET. Throws `ControllerError` for everything but a 2xx with a JSON object. */
  get(path: string): Promise<Answer>
  /** A POST that may be refused; `exchange` tells what became of it, and it is never sent twice, but for a 401 to a token that was changed since. */
  post(path: string, body: unknown, options?: PostOptions): Promise<Exchange>
  /** The error that an exchange amounts to. */
  failure(where: string, exchange: Exchange): ControllerError
  /** Foreign text without our token in it, on one short line. */
  clean(text: string): string
}

/** Throws `ControllerError` (protocol) when the address or the authority is unusable. Sends nothing. */
export function openSession(options: ControllerOptions): Session {
  const origin = originOf(options.url)
  checkAuthority(options.ca)
  return new TokenSession(origin, options)
}

class TokenSession implements Session {
  readonly origin: string
  readonly #wire: Wire
  readonly #closing = new AbortController()
  readonly #signal: AbortSignal
  readonly #pace: Pace | null
  readonly #token: OwnToken

  constructor(origin: string, { ca, requestTimeoutMs, requestsPerSecond, signal, token }: ControllerOptions) {
    this.origin = origin
    this.#wire = openWire({ timeoutMs: requestTimeoutMs, ...(ca === undefined ? {} : { ca }) })
    const closing = this.#closing.signal
    this.#signal = signal === undefined ? closing : AbortSignal.any([signal, closing])
    this.#pace = paceOf(requestsPerSecond)
    this.#token = new OwnToken(token)
  }

  async get(path: string): Promise<Answer> {
    const where = `GET ${this.clean(path)}`
    const exchange = await this.#get(path)
    if (exchange.kind !== 'answered' || exchange.status < 200 || exchange.status > 299)
      throw this.failure(where, exchange)
    return new Answer(parse(exchange.body, `${where} of ${this.origin}`), `${where} of ${this.origin}`)
  }

  post(path: string, body: unknown, options?: PostOptions): Promise<Exchange> {
    return this.#send('POST', path, { body: JSON.stringify(body), ...options })
  }

  failure(where: string, exchange: Exchange): ControllerError {
    return failureOf(`${where} of ${this.origin}`, exchange, text => this.clean(text))
  }

  clean(text: string): string {
    return oneLine(withoutSecrets(text, this.#token.seen))
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#wire[Symbol.dispose]()
    return Promise.resolve()
  }

  /** A kept connection that the other end closed in the same moment is no failure: a GET goes out once more. */
  async #get(path: string): Promise<Exchange> {
    const answer = await this.#send('GET', path, {})
    const again = answer.kind === 'lost' && answer.code === 'ECONNRESET' && !this.#signal.aborted
    return again ? this.#send('GET', path, {}) : answer
  }

  /**
   * A 401 is answered before anything is done, for a POST too. So it alone is sent once more, and only when the token was changed
   * since: a rotated token costs no run.
   */
  async #send(method: 'GET' | 'POST', path: string, more: PostOptions & { body?: string }): Promise<Exchange> {
    const request = { method, url: resolve(this.origin, path), signal: this.#signal, ...more }
    const first = this.#token.present()
    const answer = await this.#once({ ...request, token: first })
    if (answer.kind !== 'answered' || answer.status !== 401) return answer
    this.#token.refused()
    const second = this.#token.present()
    return second === first ? answer : this.#once({ ...request, token: second })
  }

  async #once(request: Request & PostOptions): Promise<Exchange> {
    const send = (): Promise<Exchange> => this.#wire.exchange(request)
    return hidden(await (this.#pace === null ? send() : paced(this.#pace, request, send)), this.#token.seen)
  }
}

function paceOf(perSecond: number | undefined): Pace | null {
  return perSecond === undefined ? null : new Pace({ perSecond, steady: steadyClock, pause })
}

/** Sends when it is its turn, and lets the pace learn from the answer. One that is given up before was not sent. */
async function paced(
  pace: Pace,
  { signal, urgent }: { signal: AbortSignal; urgent?: boolean },
  send: () => Promise<Exchange>,
): Promise<Exchange> {
  try {
    await pace.take(signal, urgent)
  } catch {
    return { kind: 'lost', sent: false, code: 'ABORTED', reason: 'virtbridge stopped waiting' }
  }
  const began = performance.now()
  const exchange = await send()
  pace.felt({
    tookMs: performance.now() - began,
    overloaded: exchange.kind === 'answered' ? OVERLOADED.has(exchange.status) : exchange.code === 'ETIMEDOUT',
    retryAfterMs: exchange.kind === 'answered' ? exchange.retryAfterMs : 0,
  })
  return exchange
}

/** A proxy's or a controller's way to say that it has too much to do. */
const OVERLOADED = new Set([408, 429, 502, 503, 504])

/** What came back, without our token: some proxies quote the request's headers on their pages. */
function hidden(exchange: Exchange, secrets: Iterable<string>): Exchange {
  if (exchange.kind === 'lost') return { ...exchange, reason: withoutSecrets(exchange.reason, secrets) }
  const { body, location } = exchange
  return { ...exchange, body: withoutSecrets(body, secrets), location: withoutSecrets(location, secrets) }
}

function failureOf(where: string, exchange: Exchange, clean: (text: string) => string): ControllerError {
  if (exchange.kind === 'lost') return new ControllerError('unreachable', `${where}: ${clean(exchange.reason)}`)
  const { status, retryAfterMs } = exchange
  if (status >= 300 && status < 400) {
    const hint = `Redirects are not followed, they would carry the token elsewhere. Configure the address it points to: ${clean(exchange.location)}`
    return new ControllerError('protocol', `${where} answered a redirect (${status})`, { status, hint })
  }
  const why = clean(complaint(exchange.contentType, exchange.body))
  return new ControllerError(kindOfStatus(status), `${where} answered ${status}${why === '' ? '' : `: ${why}`}`, {
    status,
    retryAfterMs,
  })
}

/** Parsed JSON; a page where JSON was expected (a login page, a proxy) is told by its title. */
export function parse(body: string, where: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    throw new ControllerError('protocol', `${where} answered no JSON but: ${complaint('', body) || 'nothing'}`)
  }
}

/** What the controller returns are paths (`/api/controller/v2/…`); one that leads to another host would take the token there. */
function resolve(origin: string, path: string): URL {
  const url = URL.canParse(path, origin) ? new URL(path, origin) : undefined
  if (url?.origin !== origin)
    throw new ControllerError('protocol', `${origin} returned a link that leads elsewhere: ${oneLine(path)}`)
  return url
}

function originOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && /^\/(api\/?)?$/.test(url.pathname)
  if (plain && url.username === '' && url.password === '' && url.search === '') return url.origin
  throw new ControllerError('protocol', 'the controller’s address is not usable', {
    hint: 'Give scheme and host only, without user, path or query: https://aap.example.com',
  })
}

function checkAuthority(ca: string | undefined): void {
  if (ca === undefined || isCertificate(ca)) return
  throw new ControllerError('protocol', 'the controller’s certificate authority is no PEM certificate', {
    hint: 'Give the PEM of the authority: a text that starts with -----BEGIN CERTIFICATE-----',
  })
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
