import type { ServerResponse } from 'node:http'
import type { StoreEvent } from './history.ts'
import { revisionOf, selectorOf } from './list.ts'
import type { KubeObject } from './object.ts'
import type { KubeRequest } from './request.ts'
import type { Resource } from './resource.ts'
import { apiVersionOf } from './resource.ts'
import { expired, invalid } from './status.ts'
import type { Store } from './store.ts'

/** How watches behave; the real server's numbers unless told. */
export interface WatchLimits {
  /** Between bookmarks; 60,000 ms. */
  bookmarkEveryMs: number
  /** Without `timeoutSeconds` a watch ends after this; 30 min. */
  timeoutMs: number
  /** A reader that leaves more than this unread for `maxLagMs` is cut off, one that leaves sixteen times as much at once; 1 MiB. */
  maxPendingBytes: number
  /** 5,000 ms. */
  maxLagMs: number
  /** False: as a server before Kubernetes 1.34, which refuses `sendInitialEvents`. */
  streamingLists: boolean
}

/** One line of a watch. */
export interface WatchLine {
  type: StoreEvent['type'] | 'BOOKMARK' | 'ERROR'
  object: unknown
}

/** A watch that is being served. */
export interface OpenWatch {
  readonly resource: Resource
  /** Ends as a server that shuts down ends it: properly, without a bookmark. */
  end(): void
  /** Cuts the connection. */
  cut(): void
  /** Sends the first half of the next event, then cuts the connection. */
  truncateNext(): void
}

/** What a watcher with a selector sees of a write: an object that stops matching is DELETED to it, one that starts is ADDED. */
function asSeenBy(event: StoreEvent, matches: (object: KubeObject) => boolean): WatchLine | null {
  const now = event.type !== 'DELETED' && matches(event.object)
  const before = event.previous !== null && matches(event.previous)
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object: event.object }
  if (!before || event.previous === null) return null
  // The object as it was when it still matched, at the version that took it away.
  const metadata = { ...event.previous.metadata, resourceVersion: event.object.metadata.resourceVersion }
  return { type: 'DELETED', object: { ...event.previous, metadata } }
}

/**
 * Serves one watch until it times out, the reader goes or lags, or somebody ends it.
 *
 * resourceVersion                     | begins with
 * n, still in history                 | the events after n
 * n, forgotten                        | HTTP 200 and one ERROR line with code 410, then the end
 * n, not reached yet                  | nothing until the counter passes n: what a replaced server looks like
 * '' or 0                             | an ADDED line for everything there is, in no promised order
 * any, with sendInitialEvents=true    | the same, then a bookmark annotated `k8s.io/initial-events-end`
 *
 * @throws StatusError 400, 422 before anything is sent
 */
export function serveWatch(
  store: Store,
  resource: Resource,
  request: KubeRequest,
  response: ServerResponse,
  limits: WatchLimits,
): OpenWatch {
  const { query } = request
  const asked = revisionOf(query.get('resourceVersion') ?? '')
  const initialEvents = query.get('sendInitialEvents') === 'true'
  if (initialEvents && !limits.streamingLists) {
    const why =
      'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled'
    throw invalid('ListOptions.meta.k8s.io', '', why)
  }
  if (initialEvents && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    const why = 'sendInitialEvents: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'
    throw invalid('ListOptions.meta.k8s.io', '', why)
  }
  const stream = new WatchStream(store, resource, request, response, limits)
  if (initialEvents || asked === 0) stream.begin(store.revision, store.list(resource), initialEvents)
  else stream.resume(asked)
  return stream
}

class WatchStream implements OpenWatch {
  readonly resource: Resource
  readonly #store: Store
  readonly #response: ServerResponse
  readonly #limits: WatchLimits
  readonly #matches: (object: KubeObject) => boolean
  readonly #bookmarks: boolean
  readonly #timeoutMs: number
  readonly #release: (() => void)[] = []
  #sent = 0
  #truncate = false
  #lag: NodeJS.Timeout | undefined

  constructor(store: Store, resource: Resource, request: KubeRequest, response: ServerResponse, limits: WatchLimits) {
    this.resource = resource
    this.#store = store
    this.#response = response
    this.#limits = limits
    this.#matches = selectorOf(request)
    this.#bookmarks = ['1', 'true'].includes(request.query.get('allowWatchBookmarks') ?? '')
    const seconds = Number(request.query.get('timeoutSeconds') ?? '0')
    // More than a timer of Node can hold would end the watch at once.
    this.#timeoutMs = Math.min(seconds > 0 ? seconds * 1000 : limits.timeoutMs, 2 ** 31 - 1)
  }

  begin(revision: number, objects: readonly KubeObject[], announceEnd: boolean): void {
    this.#open()
    for (const object of objects) if (this.#matches(object)) this.#send({ type: 'ADDED', object })
    this.#sent = revision
    if (announceEnd && this.#bookmarks) this.#bookmark({ 'k8s.io/initial-events-end': 'true' })
    this.#follow()
  }

  resume(asked: number): void {
    const missed = this.#store.since(this.resource, asked)
    this.#open()
    if (missed === null) {
      const message = `too old resource version: ${asked} (${this.#store.floor(this.resource)})`
      this.#send({ type: 'ERROR', object: expired(message).body })
      this.#response.end()
      return
    }
    this.#sent = asked
    for (const event of missed) this.#event(event)
    this.#follow()
  }

  end(): void {
    this.#stop()
    this.#response.end()
  }

  cut(): void {
    this.#stop()
    this.#response.destroy()
  }

  truncateNext(): void {
    this.#truncate = true
  }

  #open(): void {
    this.#response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
    this.#response.flushHeaders()
  }

  #follow(): void {
    if (this.#response.destroyed) return
    const bookmarks = this.#bookmarks ? setInterval(() => this.#bookmark(), this.#limits.bookmarkEveryMs) : undefined
    const timeout = setTimeout(() => {
      if (this.#bookmarks) this.#bookmark()
      this.end()
    }, this.#timeoutMs)
    this.#release.push(
      this.#store.subscribe(this.resource, event => this.#event(event)),
      () => clearInterval(bookmarks),
      () => clearTimeout(timeout),
    )
    this.#response.once('close', () => this.#stop())
  }

  #event(event: StoreEvent): void {
    if (event.revision <= this.#sent) return
    this.#sent = event.revision
    const line = asSeenBy(event, this.#matches)
    if (line !== null) this.#send(line)
  }

  #bookmark(annotations?: Record<string, string>): void {
    // Nothing of this resource happened that this stream has not sent: the server's own revision is safe to resume from.
    this.#sent = Math.max(this.#sent, this.#store.revision)
    this.#send({
      type: 'BOOKMARK',
      object: {
        kind: this.resource.kind,
        apiVersion: apiVersionOf(this.resource),
        metadata: {
          resourceVersion: String(this.#sent),
          creationTimestamp: null,
          ...(annotations === undefined ? {} : { annotations }),
        },
      },
    })
  }

  #send(line: WatchLine): void {
    if (this.#response.destroyed || this.#response.writableEnded) return
    const text = `${JSON.stringify(line)}\n`
    if (this.#truncate) {
      this.#stop()
      this.#response.write(text.slice(0, text.length / 2), () => this.#response.destroy())
      return
    }
    this.#response.write(text)
    const pending = this.#response.writableLength
    if (pending > 16 * this.#limits.maxPendingBytes) this.cut()
    else if (pending > this.#limits.maxPendingBytes) this.#waitForReader()
  }

  /** A burst within one turn fills the buffer of the best of readers: only one that lets it stand is slow. */
  #waitForReader(): void {
    if (this.#lag !== undefined) return
    this.#lag = setTimeout(() => this.cut(), this.#limits.maxLagMs)
    const release = () => {
      clearTimeout(this.#lag)
      this.#lag = undefined
    }
    this.#response.once('drain', release)
    this.#release.push(release)
  }

  #stop(): void {
    for (const release of this.#release.splice(0)) release()
  }
}
