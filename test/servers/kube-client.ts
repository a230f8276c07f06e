import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request as send } from 'undici'
import { Fault } from '../../src/errors.ts'

/** An answer of the API: its status and its body, parsed when it is JSON; the text, when it is of a watch. */
export interface KubeAnswer {
  readonly status: number
  readonly body: unknown
}

/** What may go along with a request: a body (sent as JSON), its content type, and whose token to use instead of the client's. */
export interface KubeRequest {
  readonly body?: unknown
  readonly contentType?: string
  readonly token?: string
}

/** What a test needs of any Kubernetes object. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string; [key: string]: unknown }
  [key: string]: unknown
}

const LATER_MS = 300_000
const LATER_STEP_MS = 500
/** Its 409 says that a field is another's, which time does not change. */
const APPLY = 'application/apply-patch+yaml'

/**
 * The plainest client of a Kubernetes API that a test can act with, as somebody other than the bridge: it shares no code with
 * `src/kube`, so that a fault there cannot hide itself.
 */
export class KubeClient implements AsyncDisposable {
  readonly #url: string
  readonly #token: string
  readonly #agent: Agent

  constructor(options: { url: string; ca: string; token: string }) {
    this.#url = options.url
    this.#token = options.token
    this.#agent = new Agent({ connections: 8, connect: { ca: options.ca } })
  }

  /** Sends one request and returns whatever was answered; throws only when there was no answer. */
  async request(method: string, path: string, options: KubeRequest = {}): Promise<KubeAnswer> {
    const response = await send(`${this.#url}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${options.token ?? this.#token}`,
        accept: 'application/json',
        ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    })
    const text = await response.body.text()
    // A watch answers with as many documents as it has news, none perhaps.
    const json = String(response.headers['content-type'] ?? '').includes('json') && !/[?&]watch=/.test(path)
    return { status: response.statusCode, body: json ? JSON.parse(text) : text }
  }

  /**
   * Like `request`, for what must succeed: returns the body, or throws a `Fault` with what the API said. While a server asks to be asked
   * later, as one does that has just started and reads its storage, it is, for some minutes; so is a patch that others wrote in
   * between of.
   */
  async expect<T = KubeObject>(method: string, path: string, options: KubeRequest = {}): Promise<T> {
    const deadline = performance.now() + LATER_MS
    let { status, body } = await this.request(method, path, options)
    const isMerge = method === 'PATCH' && options.contentType !== APPLY
    const isLater = (): boolean => status === 429 || (status === 409 && isMerge)
    while (isLater() && performance.now() < deadline) {
      await sleep(LATER_STEP_MS)
      ;({ status, body } = await this.request(method, path, options))
    }
    if (status >= 200 && status < 300) return body as T
    throw new Fault('kube_refused', `${method} ${path} answered ${status}: ${JSON.stringify(body)}`)
  }

  get<T = KubeObject>(path: string): Promise<T> {
    return this.expect<T>('GET', path)
  }

  create<T = KubeObject>(path: string, body: unknown): Promise<T> {
    return this.expect<T>('POST', path, { body })
  }

  /** A JSON merge patch; `path` ends in `/status` for the status. */
  patch<T = KubeObject>(path: string, body: unknown): Promise<T> {
    return this.expect<T>('PATCH', path, { body, contentType: 'application/merge-patch+json' })
  }

  /** Server-side apply as the given field manager; JSON is YAML, and all that apply asks for. */
  apply<T = KubeObject>(path: string, body: unknown, fieldManager = 'test'): Promise<T> {
    const separator = path.includes('?') ? '&' : '?'
    const query = `${separator}fieldManager=${fieldManager}&force=true`
    return this.expect<T>('PATCH', `${path}${query}`, { body, contentType: APPLY })
  }

  delete(path: string): Promise<unknown> {
    return this.expect('DELETE', path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}
