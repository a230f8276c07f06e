import { Agent, request as send } from 'undici'

/** Any JSON object of an answer, loosely typed: these tests look at shapes. */
export interface Body {
  kind?: string
  apiVersion?: string
  code?: number
  reason?: string
  status?: unknown
  message?: string
  metadata: {
    name: string
    namespace: string
    uid: string
    resourceVersion: string
    generation: number
    creationTimestamp: string
    deletionTimestamp?: string
    continue?: string
    remainingItemCount?: number
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  spec?: unknown
  items: Body[]
  details?: Record<string, unknown>
}

/** One line of a watch. */
export interface Line {
  type: string
  object: Body
}

/** A client of one API server that shares no code with the bridge nor with the simulator. */
export class Talk implements AsyncDisposable {
  readonly #url: string
  readonly #token: string
  readonly #agent: Agent

  constructor({ url, token, ca }: { url: string; token: string; ca?: string | undefined }) {
    this.#url = url
    this.#token = token
    this.#agent = new Agent({ connections: 16, ...(ca === undefined ? {} : { connect: { ca } }) })
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    options: { type?: string; token?: string } = {},
  ): Promise<{ code: number; body: Body; text: string; type: string }> {
    const token = options.token ?? this.#token
    const response = await send(`${this.#url}${path}`, {
      method: method,
      dispatcher: this.#agent,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.body.text()
    const type = String(response.headers['content-type'])
    return {
      code: response.statusCode,
      text,
      type,
      body: type.includes('json') ? (JSON.parse(text) as Body) : ({} as Body),
    }
  }

  get(path: string) {
    return this.send('GET', path)
  }

  patch(path: string, body: unknown) {
    return this.send('PATCH', path, body, { type: 'application/merge-patch+json' })
  }

  /** Opens a watch; `path` has its query but `watch=1`. */
  async watch(path: string): Promise<Watching> {
    const gone = new AbortController()
    const response = await send(`${this.#url}${path}&watch=1`, {
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${this.#token}` },
      signal: gone.signal,
      bodyTimeout: 0,
    })
    return new Watching(response.statusCode, response.body, () => gone.abort())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

/** A watch being read: `lines` grows as it comes in, `ended` tells how it went. */
export class Watching implements Disposable {
  readonly code: number
  readonly lines: Line[] = []
  /** What came after the last line feed when it ended: half a line. */
  rest = ''
  readonly ended: Promise<'end' | 'cut'>
  readonly #abort: () => void

  constructor(code: number, body: AsyncIterable<Buffer>, abort: () => void) {
    this.code = code
    this.#abort = abort
    this.ended = this.#read(body)
  }

  /** What has been seen, in words: `ADDED a`. */
  get seen(): string[] {
    return this.lines.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim())
  }

  async #read(body: AsyncIterable<Buffer>): Promise<'end' | 'cut'> {
    try {
      for await (const chunk of body) {
        const parts = (this.rest + chunk.toString()).split('\n')
        this.rest = parts.pop() ?? ''
        for (const part of parts) this.lines.push(JSON.parse(part) as Line)
      }
      return 'end'
    } catch {
      return 'cut'
    }
  }

  [Symbol.dispose](): void {
    this.#abort()
  }
}
