import { Agent } from 'undici'
import type { Connection } from './connection.ts'
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
  readonly url: string
  readonly #connection: Connection
  readonly #agent: Agent
  readonly #userAgent: string
  readonly #timeoutMs: number

  constructor(options: ClientOptions) {
    this.url = options.connection.url
    this.#connection = options.connection
    this.#userAgent = options.userAgent
    this.#timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#agent = new Agent({
      connections: 8,
      connect: { ...options.connection.tls, timeout: 10_000, keepAlive: true },
      headersTimeout: this.#timeoutMs,
      // A quiet watch is normal: bookmarks come about once a minute, and the reflector has its own stall timer.
      bodyTimeout: 0,
    })
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
    await this.#agent.destroy()
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

  /** Asks once more with fresh credentials when they are refused: a token may have been rotated under us. */
  async #request(request: Request): Promise<AsyncIterable<Uint8Array>> {
    try {
      return await this.#send(request, false)
    } catch (error) {
      if (!(error instanceof KubeError) || error.kind !== 'unauthorized') throw error
      return await this.#send(request, true)
    }
  }

  async #send(request: Request, fresh: boolean): Promise<AsyncIterable<Uint8Array>> {
    const url = new URL(this.url)
    const prefix = url.pathname.replace(/\/$/, '')
    try {
      const headers = await this.#connection.authorize(fresh)
      const answer = await this.#agent.request({
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
