import { Agent } from 'undici'
import type { Connection, Tls } from './connection.ts'
import { fromFailure, fromStatus, KubeError } from './error.ts'

export interface ClientOptions {
  readonly connection: Connection
  readonly userAgent: string
  /** How long a request may take until its headers are there, in ms. */
  readonly requestTimeoutMs?: number
}

/** Bytes of a body that is read as a whole: a page of 500 VMs is about 5 MB. */
const MAX_BODY = 64 * 1024 * 1024
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

  constructor(options: ClientOptions) {
    this.#connection = options.connection
    this.#userAgent = options.userAgent
    this.#timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#trusted = options.connection.tls
    this.#agent = this.#pool()
  }

  get url(): string {
    return this.#connection.url
  }

  /** The parsed JSON of a GET. Rejects with a KubeError. */
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
      connections: 8,
      connect: { ...this.#trusted, timeout: 10_000, keepAlive: true },
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
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(this.#timeoutMs)])
    const body = await this.#request({ ...request, signal })
    try {
      return JSON.parse(await text(body, MAX_BODY))
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new KubeError('invalid', `${request.path}: the answer is not JSON`, { cause: error })
      throw fromFailure(error)
    }
  }

  /** Asks once more when who we are is refused, or when by now another CA or address is known: both are rotated under us. */
  async #request(request: Request): Promise<AsyncIterable<Uint8Array>> {
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

  async #send(request: Request, fresh: boolean): Promise<AsyncIterable<Uint8Array>> {
    try {
      const headers = await this.#connection.authorize(fresh)
      const url = new URL(this.url)
      const prefix = url.pathname.replace(/\/$/, '')
      const answer = await this.#current().request({
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
      })
      if (answer.statusCode < 300) return answer.body
      const retryAfter = answer.headers['retry-after']
      const body = await text(answer.body, 65_536).catch(() => '')
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

async function text(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new KubeError('invalid', `the answer is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
