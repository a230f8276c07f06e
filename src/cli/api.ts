import { Fault, messageOf } from '../errors.ts'

/** A client of the HTTP API of a running bridge. Paths begin with `/api/v1/`. All methods reject with a Fault, as `unauthorized` or `unreachable`. */
export interface Api {
  get(path: string, signal?: AbortSignal): Promise<unknown>
  post(path: string, body: object, headers?: Record<string, string>): Promise<unknown>
  /** Yields the lines of a long answer, without their line ends. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>
  /** Yields the events of a server-sent stream. `opened` is called first, with the position from which the stream begins. */
  follow(
    path: string,
    signal: AbortSignal,
    opened?: (position: string) => void,
  ): AsyncIterable<{ readonly id: string; readonly data: string }>
}

export interface ApiOptions {
  readonly url: string
  readonly token: string
}

interface Request {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Makes a client of the bridge at `url`. Sends nothing yet. A Fault that it throws has the code, sentence and hint that the bridge answered. */
export function openApi(options: ApiOptions): Api {
  const base = options.url.replace(/\/$/, '')
  async function send(path: string, init: Request): Promise<Response> {
    let response: Response
    try {
      response = await fetch(`${base}${path}`, {
        ...init,
        redirect: 'manual',
        headers: { authorization: `Bearer ${options.token}`, ...init.headers },
      })
    } catch (error) {
      if (init.signal?.aborted === true) throw error
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error)
      throw new Fault('unreachable', `virtbridge does not answer at ${base}: ${cause}`, {
        hint: /^https?:/.test(base)
          ? 'is `virtbridge serve` running? --url or VIRTBRIDGE_URL says where'
          : '--url or VIRTBRIDGE_URL begins with http:// or https://, as in http://127.0.0.1:8080',
      })
    }
    if (response.ok) return response
    const leads = response.status < 400 ? response.headers.get('location') : null
    if (leads !== null)
      throw new Fault('redirected', `${base} answers with a redirect to ${leads.slice(0, 300)}`, {
        hint: 'it is not followed, as the token and the secrets of a run would go along; give the address that answers itself by --url or VIRTBRIDGE_URL',
      })
    throw await faultOf(response, base)
  }
  async function ask(path: string, init: Request): Promise<unknown> {
    const response = await send(path, init)
    try {
      return await response.json()
    } catch (error) {
      if (init.signal?.aborted === true) throw error
      throw new Fault('not_virtbridge', `what answers at ${base} is not virtbridge: ${path} is no JSON`, {
        hint: NOT_THERE,
      })
    }
  }
  return {
    get: (path, signal) => ask(path, signal === undefined ? {} : { signal }),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    async *lines(path, signal) {
      const response = await send(path, { signal })
      if (response.body !== null) yield* linesOf(response.body)
    },
    async *follow(path, signal, opened) {
      const response = await send(path, { signal, headers: { accept: 'text/event-stream' } })
      if (response.body === null) return
      for await (const frame of frames(response.body)) {
        if (frame.data !== '') yield frame
        else if (frame.id !== '') opened?.(frame.id)
      }
    },
  }
}

async function faultOf(response: Response, base: string): Promise<Fault> {
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; hint?: string } | null
  const { code = `http_${response.status}`, detail = `HTTP ${response.status}`, hint = '' } = problem ?? {}
  // What says nothing of itself, or has none of our paths, is somewhere else than the bridge.
  const elsewhere = problem?.code === undefined || code === 'not_found'
  if (response.status === 401)
    return new Fault(code, elsewhere ? `${detail} at ${base}` : detail, { hint: NO_SUCH_TOKEN })
  return elsewhere
    ? new Fault(code, `${detail} at ${base}`, { hint: NOT_THERE })
    : new Fault(code, detail, { hint: inCommands(hint) })
}

const NOT_THERE = '--url or VIRTBRIDGE_URL is where `virtbridge serve` listens'

const NO_SUCH_TOKEN =
  'VIRTBRIDGE_TOKEN, or the file of --token-file, must have a token of http.tokens that has not expired'

/** What the bridge says to programs, as one says it to who types commands. */
function inCommands(hint: string): string {
  return COMMANDS.reduce((text, [request, command]) => text.replaceAll(request, command), hint)
}

const COMMANDS = [
  [/GET \/api\/v1\/(vms|runs|clusters|losses|brake|inventory|events)(?![/?])/g, 'virtbridge $1'],
  [/GET \/readyz says/g, 'virtbridge clusters says'],
] as const

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/)
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/** Server-sent events (WHATWG HTML §9.2.6), as far as the bridge writes them: one `data` line an event, or none. */
async function* frames(body: ReadableStream<Uint8Array>): AsyncIterable<{ id: string; data: string }> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const fields = new Map(
        rest
          .slice(0, end)
          .split('\n')
          .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]),
      )
      rest = rest.slice(end + 2)
      yield { id: fields.get('id') ?? '', data: fields.get('data') ?? '' }
    }
  }
}
