import type { Readable } from 'node:stream'
import { Agent, type Dispatcher } from 'undici'
import type { Connection, Tls } from './connection.ts'
import { fromFailure, fromStatus, KubeError } from './error.ts'
import { PING_MS, pulsing } from './pulse.ts'
import { parseTrimmed } from './trim.ts'
import { secureContextOf } from './trust.ts'

export interface ClientOptions {
  readonly connection: Connection
  readonly userAgent: string
  /** How long a request may take until its headers are there, in ms. */
  readonly requestTimeoutMs?: number
  /** How often a connection over HTTP/2 is asked whether it is alive, in ms; it is dead when it was silent for two of these. */
  readonly pingMs?: number
}

/** Bytes of a body that is read as a whole: a page of 250 VMs is about 2.5 MB. */
const MAX_BODY = 64 * 1024 * 1024
/** Where HTTP/2 can not be had: each watch takes one, and a list needs one beside them. */
const MAX_CONNECTIONS = 32
/**
 * What may be on its way to us unread, of one stream and of a connection. With the usual 256 KB the API server took us for too slow in
 * a burst of large objects, and ended watch after watch (docs/decisions/0012-http2-and-streaming-lists.md).
 */
const STREAM_BYTES = 1024 * 1024
const CONNECTION_BYTES = 8 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000

/** One API server: one connection pool, requests with the caller's signal, errors by what to do about them. */
export class KubeClient implements AsyncDisposable {
  readonly #connection: Connection
  /** The pool of today's certificates, and those of earlier ones on which a watch still goes on. */
  #agent: Agent
  #trusted: Tls
  readonly #retired = new Set<Agent>()
  readonly #userAgent: string
  readonly #timeoutMs: number
  readonly #pingMs: number

  constructor(options: ClientOptions) {
    this.#connection = options.connection
    this.#userAgent = options.userAgent
    this.#timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#pingMs = options.pingMs ?? PING_MS
    this.#trusted = options.connection.tls
    this.#agent = this.#pool()
  }

  get url(): string {
    return this.#connection.url
  }

  /** The parsed JSON of a GET; `managedFields` may be left out. Rejects with a KubeError. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    return this.#json({ path, method: 'GET', signal })
  }

  /** The parsed JSON of a POST of `body`. */
  async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return this.#json({ path, method: 'POST', signal, body: JSON.stringify(body) })
  }

  /** The body of a GET as it comes: as long as nobody reads it, it stays in the socket. Rejects with a KubeError. */
  async stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return this.#request({ path, method: 'GET', signal })
  }

  /** uid of the kube-system namespace: which cluster this is, whatever its name or URL. */
  async identity(signal: AbortSignal): Promise<string> {
    const namespace = (await this.get('/api/v1/namespaces/kube-system', signal)) as { metadata?: { uid?: unknown } }
    const uid = namespace.metadata?.uid
    if (typeof uid !== 'string' || uid === '') throw new KubeError('invalid', 'the namespace kube-system has no uid')
    return uid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#agent, ...this.#retired].map(agent => agent.destroy()))
  }

  #pool(): Agent {
    return new Agent({
      // HTTP/2 where the server has it: watches, lists and the rest share one connection.
      connections: MAX_CONNECTIONS,
      initialWindowSize: STREAM_BYTES,
      h2Options: { connectionWindowSize: CONNECTION_BYTES, pingInterval: this.#pingMs },
      connect: pulsing(
        { ...this.#trusted, secureContext: secureContextOf(this.#trusted), timeout: 10_000, keepAlive: true },
        this.#pingMs,
      ),
      headersTimeout: this.#timeoutMs,
      // A quiet watch is normal: bookmarks come about once a minute, and the reflector has its own stall timer.
      bodyTimeout: 0,
    })
  }

  /** New connections trust what the connection says now; those that are open end by themselves. */
  #current(): Agent {
    if (this.#trusted === this.#connection.tls) return this.#agent
    const before = this.#agent
    this.#retired.add(before)
    void before.close().finally(() => this.#retired.delete(before))
    this.#trusted = this.#connection.tls
    this.#agent = this.#pool()
    return this.#agent
  }

  async #json(request: Request): Promise<unknown> {
    const body = await this.#request(request)
    try {
      return parseTrimmed(await bytesOf(body, MAX_BODY, this.#timeoutMs))
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new KubeError('invalid', `${request.path}: the answer is not JSON`, { cause: error })
      throw fromFailure(error)
    }
  }

  /** Asks once more when who we are is refused, or when by now another CA or address is known: both are rotated under us. */
  async #request(request: Request): Promise<Readable> {
    try {
      return await this.#send(request, false)
    } catch (error) {
      if (!(error instanceof KubeError) || request.signal.aborted) throw error
      if (error.kind === 'unauthorized') return await this.#send(request, true)
      if ((error.kind === 'untrusted' || error.kind === 'unreachable') && (await this.#moved())) {
        return await this.#send(request, false)
      }
      throw error
    }
  }

  /** Reads the connection anew: is it another one? What can not be read anew is as it was. */
  async #moved(): Promise<boolean> {
    const { url, tls } = this.#connection
    await this.#connection.authorize(true).catch(() => undefined)
    return this.#connection.url !== url || this.#connection.tls !== tls
  }

  /**
   * undici hears no abort, and counts no time, of a request that waits for a connection: so both are looked after here. An answer that
   * comes later is thrown away. What is late is not aborted: when its own time-out passes, undici looks whether an HTTP/2 connection is
   * dead, and only then.
   */
  async #inTime(answer: Promise<Dispatcher.ResponseData>, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const giveUp = Promise.withResolvers<never>()
    const late = (): void => giveUp.reject(new KubeError('unreachable', `no answer within ${this.#timeoutMs} ms`))
    const aborted = (): void => giveUp.reject(signal.reason)
    const timer = setTimeout(late, this.#timeoutMs)
    signal.addEventListener('abort', aborted, { once: true })
    try {
      return await Promise.race([answer, giveUp.promise])
    } catch (error) {
      answer.then(
        ({ body }) => quiet(body).destroy(),
        () => undefined,
      )
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
  }

  async #send(request: Request, fresh: boolean): Promise<Readable> {
    try {
      const headers = await this.#connection.authorize(fresh)
      const url = new URL(this.url)
      const prefix = url.pathname.replace(/\/$/, '')
      const answer = await this.#inTime(
        this.#current().request({
          origin: url.origin,
          path: `${prefix}${request.path}`,
          method: request.method,
          signal: request.signal,
          headers: {
            ...headers,
            accept: 'application/json',
            'user-agent': this.#userAgent,
            'content-type': 'application/json',
          },
          ...(request.body === undefined ? {} : { body: request.body }),
        }),
        request.signal,
      )
      if (answer.statusCode < 300) return quiet(answer.body)
      const retryAfter = answer.headers['retry-after']
      const body = await bytesOf(answer.body, 65_536, this.#timeoutMs).then(String, () => '')
      throw fromStatus(answer.statusCode, body, Array.isArray(retryAfter) ? retryAfter[0] : retryAfter)
    } catch (error) {
      throw fromFailure(error)
    }
  }
}

interface Request {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly signal: AbortSignal
  readonly body?: string
}

/** An answer that is not read to its end. A list can be asked for in smaller pages. */
export class TooLarge extends KubeError {
  constructor(limit: number) {
    super('invalid', `the answer is larger than ${limit} bytes`)
  }
}

/** A body that breaks while nobody reads it takes nothing with it: whoever reads it next is told. */
function quiet(body: Readable): Readable {
  return body.on('error', () => undefined)
}

/** All of a body. Rejects when it is larger than `limit` bytes, or not there within `ms`. */
async function bytesOf(body: Readable, limit: number, ms: number): Promise<Buffer> {
  const late = setTimeout(() => body.destroy(new KubeError('unreachable', 'the answer stopped in the middle')), ms)
  try {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > limit) throw new TooLarge(limit)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } finally {
    clearTimeout(late)
  }
}
