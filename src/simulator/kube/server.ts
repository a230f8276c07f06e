import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault, messageOf } from '../../errors.ts'
import { Access, allows, forbidden } from './access.ts'
import type { Identity } from './access.ts'
import { discover } from './discovery.ts'
import type { Trouble } from './faults.ts'
import { Faults } from './faults.ts'
import { listPage } from './list.ts'
import type { Draft, KubeObject, Ref } from './object.ts'
import type { KubeRequest } from './request.ts'
import { parseRequest } from './request.ts'
import type { Resource } from './resource.ts'
import type { Status } from './status.ts'
import { StatusError, badRequest, notFound } from './status.ts'
import type { Store } from './store.ts'
import type { OpenWatch, WatchLimits } from './watch.ts'
import { serveWatch } from './watch.ts'

const MAX_BODY_BYTES = 3 * 1024 * 1024

/** Takes a request that is not for this server, such as one through a cluster proxy; false when it is for us after all. */
export type Forward = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean

/** What a simulated API server is made of. */
export interface KubeServerOptions {
  store: Store
  access?: Access
  /** 0 takes a free one. */
  port?: number
  watch?: Partial<WatchLimits>
  forward?: Forward
}

/** A simulated API server that listens on 127.0.0.1. The faults are for tests: nothing of them is reachable over HTTP. */
export interface KubeServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly store: Store
  readonly access: Access
  readonly faults: Faults
  /** Watches being served now. */
  readonly watches: ReadonlySet<OpenWatch>
  /** How many requests were answered, by `verb plural` or by path. */
  readonly requests: ReadonlyMap<string, number>
  /** Stops listening and cuts every connection; the objects stay. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(): Promise<void>
}

/**
 * Starts a simulated API server.
 *
 * @throws Fault `port_in_use`, `port_forbidden` or `listen_failed` when it cannot listen
 */
export async function startKubeServer(options: KubeServerOptions): Promise<KubeServer> {
  const access = options.access ?? new Access()
  const front = new Front(options.store, access, options)
  let server = await listen(front, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  const down = async () => {
    front.endWatches()
    if (!server.listening) return
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    store: options.store,
    access,
    faults: front.faults,
    watches: front.watches,
    requests: front.requests,
    down,
    async up() {
      if (!server.listening) server = await listen(front, port)
    },
    [Symbol.asyncDispose]: down,
  }
}

async function listen(front: Front, port: number): Promise<Server> {
  const server = createServer((request, response) => void front.serve(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, port)))
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

function listenFault(error: NodeJS.ErrnoException, port: number): Fault {
  const code =
    error.code === 'EADDRINUSE' ? 'port_in_use' : error.code === 'EACCES' ? 'port_forbidden' : 'listen_failed'
  return new Fault(code, `the simulated cluster cannot listen on 127.0.0.1:${port}: ${messageOf(error)}`, {
    hint: 'choose another port, or end the program that holds this one',
    cause: error,
  })
}

/** Everything between the socket and the store. */
class Front {
  readonly faults = new Faults()
  readonly watches = new Set<OpenWatch>()
  readonly requests = new Map<string, number>()
  readonly #store: Store
  readonly #access: Access
  readonly #limits: WatchLimits
  readonly #forward: Forward | undefined

  constructor(store: Store, access: Access, options: KubeServerOptions) {
    this.#store = store
    this.#access = access
    this.#forward = options.forward
    this.#limits = {
      bookmarkEveryMs: 60_000,
      timeoutMs: 30 * 60_000,
      maxPendingBytes: 1024 * 1024,
      maxLagMs: 5000,
      ...options.watch,
    }
  }

  endWatches(): void {
    for (const watch of this.watches) watch.end()
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'http://simulated')
      if (this.#forward?.(request, response, url) === true) return
      const asked = parseRequest(request.method ?? 'GET', url)
      this.#count(asked === null ? url.pathname : `${asked.verb} ${asked.plural}`)
      const identity = this.#access.authenticate(request.headers)
      const trouble = this.faults.meet(asked)
      if (trouble !== null) this.#suffer(trouble, identity, asked, response)
      else if (asked === null) this.#answerPath(url.pathname, response)
      else await this.#answer(asked, identity, request, response)
    } catch (error) {
      if (response.headersSent) response.destroy()
      else sendStatus(response, statusOf(error))
    }
  }

  #count(what: string): void {
    this.requests.set(what, (this.requests.get(what) ?? 0) + 1)
  }

  #suffer(trouble: Trouble, identity: Identity, asked: KubeRequest | null, response: ServerResponse): void {
    switch (trouble.kind) {
      case 'status': {
        const { code, retryAfterSeconds } = trouble
        if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds)
        return sendStatus(response, new StatusError(code, reasonOf(code), `planted fault ${code}`).body)
      }
      case 'drop':
        response.destroy()
        return
      case 'hang':
        return
      case 'absent':
        return pageNotFound(response)
      case 'forbidden':
        if (asked === null) throw new StatusError(403, 'Forbidden', 'forbidden')
        throw forbidden(identity, asked)
    }
  }

  #answerPath(path: string, response: ServerResponse): void {
    if (['/healthz', '/livez', '/readyz'].includes(path)) {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok')
      return
    }
    const found = discover(path, this.#store.resources)
    if (found === null || found === undefined) pageNotFound(response)
    else send(response, 200, found)
  }

  async #answer(
    asked: KubeRequest,
    identity: Identity,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (asked.group === 'authorization.k8s.io' && asked.plural === 'selfsubjectaccessreviews') {
      send(response, 201, review(identity, (await readJson(request)) as Review))
      return
    }
    // As in the real server, the role is asked before anybody looks whether there is such a resource.
    if (!allows(identity, asked)) throw forbidden(identity, asked)
    const resource = this.#store.resources.find(
      ({ group, version, plural }) => group === asked.group && version === asked.version && plural === asked.plural,
    )
    const known = asked.subresource === '' || (asked.subresource === 'status' && resource?.statusSubresource === true)
    if (resource === undefined || !known) pageNotFound(response)
    else if (asked.verb === 'watch') this.#watch(resource, asked, response)
    else if (asked.verb === 'list') send(response, 200, listPage(this.#store, resource, asked))
    else if (asked.verb === 'get') send(response, 200, this.#present(resource, asked))
    else await this.#change(resource, asked, request, response)
  }

  #watch(resource: Resource, asked: KubeRequest, response: ServerResponse): void {
    const watch = serveWatch(this.#store, resource, asked, response, this.#limits)
    this.watches.add(watch)
    response.once('close', () => this.watches.delete(watch))
  }

  async #change(
    resource: Resource,
    asked: KubeRequest,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const part = asked.subresource === 'status' ? 'status' : 'main'
    const ref: Ref = { namespace: asked.namespace, name: asked.name }
    switch (asked.verb) {
      case 'create':
        return send(response, 201, this.#store.create(resource, draftOf(await readJson(request), resource, ref)))
      case 'update':
        return send(response, 200, this.#store.update(resource, draftOf(await readJson(request), resource, ref), part))
      case 'patch': {
        const type = request.headers['content-type'] ?? ''
        if (!type.startsWith('application/merge-patch+json')) {
          throw new StatusError(
            415,
            'UnsupportedMediaType',
            `the body of the request was in an unknown format - accepted media types include: application/merge-patch+json`,
          )
        }
        return send(response, 200, this.#store.patch(resource, ref, await readJson(request), part))
      }
      case 'delete': {
        const { uid } = this.#present(resource, asked).metadata
        const options = (await readJson(request)) as { preconditions?: { uid?: string } }
        const marked = this.#store.remove(resource, ref, options.preconditions?.uid)
        return send(response, 200, marked ?? deleted(resource, ref.name, uid))
      }
      default:
        throw new StatusError(
          405,
          'MethodNotAllowed',
          'the server does not allow this method on the requested resource',
        )
    }
  }

  #present(resource: Resource, { namespace, name }: KubeRequest): KubeObject {
    const object = this.#store.get(resource, { namespace, name })
    if (object === null) throw notFound(resource, name)
    return object
  }
}

function deleted(resource: Resource, name: string, uid: string): Status | Record<string, unknown> {
  const details = { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural, uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** The object of a request's body, put where the URL says. @throws StatusError 400 */
function draftOf(body: unknown, resource: Resource, ref: Ref): Draft {
  const draft = body as Partial<Draft>
  if (typeof draft.metadata !== 'object' || draft.metadata === null) throw badRequest('metadata: Required value')
  if (draft.kind !== undefined && draft.kind !== resource.kind) {
    throw badRequest(`${draft.kind} in the body does not match the kind of the URL (${resource.kind})`)
  }
  const { name, namespace } = draft.metadata
  if (namespace !== undefined && ref.namespace !== '' && namespace !== ref.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (ref.name !== '' && name !== undefined && name !== ref.name) {
    throw badRequest('the name of the object does not match the name on the URL')
  }
  const placed = {
    ...(ref.name === '' ? {} : { name: ref.name }),
    ...(resource.namespaced ? { namespace: ref.namespace } : {}),
  }
  return { ...draft, metadata: { ...draft.metadata, ...placed } }
}

interface Review {
  spec?: { resourceAttributes?: { verb?: string; group?: string; resource?: string; subresource?: string } }
}

function review(identity: Identity, body: Review): unknown {
  const asked = body.spec?.resourceAttributes ?? {}
  const { verb = '*', group = '', resource: plural = '*', subresource = '' } = asked
  const allowed = allows(identity, { verb, group, plural, subresource })
  return {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: body.spec ?? {},
    status: { allowed, reason: allowed ? 'allowed by the simulated role' : '' },
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new StatusError(413, 'RequestEntityTooLarge', `limit is ${MAX_BODY_BYTES}`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  if (text.trim() === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  } catch {
    // Answered below, like every other body that is no object.
  }
  throw badRequest('the body of the request is not a JSON object')
}

function send(response: ServerResponse, code: number, body: unknown): void {
  const text = JSON.stringify(body)
  response
    .writeHead(code, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-cache, private',
    })
    .end(text)
}

function sendStatus(response: ServerResponse, body: Status): void {
  send(response, body.code, body)
}

/** What the real server answers for a group or resource that it does not serve: plain text, no Status. */
function pageNotFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n')
}

function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.body
  if (error instanceof URIError || error instanceof TypeError) return badRequest('the request could not be read').body
  return new StatusError(500, 'InternalError', `Internal error occurred: ${messageOf(error)}`).body
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

function reasonOf(code: number): string {
  return REASONS[code] ?? ''
}
