import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Access, Identity } from './access.ts'
import { allows, forbidden } from './access.ts'
import { deletion, draftOf, pageNotFound, readJson, reasonOf, review, send, sendStatus, statusOf } from './answer.ts'
import type { Review } from './answer.ts'
import { discover } from './discovery.ts'
import type { Trouble } from './faults.ts'
import { Faults, isList } from './faults.ts'
import { listPage } from './list.ts'
import type { KubeObject, Ref } from './object.ts'
import type { KubeRequest } from './request.ts'
import { parseRequest } from './request.ts'
import type { Resource } from './resource.ts'
import { StatusError, notFound } from './status.ts'
import type { Store } from './store.ts'
import type { OpenWatch, WatchLimits } from './watch.ts'
import { serveWatch } from './watch.ts'

/** Takes a request that is not for this server, such as one through a cluster proxy; false when it is for us after all. */
export type Forward = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean

/** Everything between the socket and the store. */
export class Front {
  readonly faults = new Faults()
  readonly watches = new Set<OpenWatch>()
  readonly requests = new Map<string, number>()
  readonly #store: Store
  readonly #access: Access
  readonly #limits: WatchLimits
  readonly #forward: Forward | undefined

  constructor(store: Store, access: Access, options: { watch?: Partial<WatchLimits>; forward?: Forward }) {
    this.#store = store
    this.#access = access
    this.#forward = options.forward
    this.#limits = {
      bookmarkEveryMs: 60_000,
      timeoutMs: 30 * 60_000,
      maxPendingBytes: 1024 * 1024,
      maxLagMs: 5000,
      streamingLists: true,
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
      this.#count(asked === null ? url.pathname : `${isList(asked) ? 'list' : asked.verb} ${asked.plural}`)
      const identity = this.#access.authenticate(request.headers)
      const trouble = this.faults.meet(asked)
      if (trouble?.kind === 'wait') await trouble.until()
      if (trouble !== null && trouble.kind !== 'wait') this.#suffer(trouble, identity, asked, response)
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

  #suffer(
    trouble: Exclude<Trouble, { kind: 'wait' }>,
    identity: Identity,
    asked: KubeRequest | null,
    response: ServerResponse,
  ): void {
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
        return send(response, 200, marked ?? deletion(resource, ref.name, uid))
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
