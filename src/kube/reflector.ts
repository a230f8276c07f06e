import { decorrelatedJitterGenerator, ExponentialBackoff } from 'cockatiel'
import { pause } from '../waiting.ts'
import type { KubeClient } from './client.ts'
import { fromFailure, KubeError } from './error.ts'
import { jsonLines } from './lines.ts'

/** A resource to reflect: where it is, and what is kept of each object. */
export interface Resource<T> {
  /** `/apis/kubevirt.io/v1/virtualmachines` */
  readonly path: string
  readonly project: (object: unknown) => T
  readonly keyOf: (kept: T) => string
}

/** What a reflector yields, in order. */
export type Observed<T> =
  /** Complete: what is not in it is gone. */
  | { readonly kind: 'listed'; readonly objects: ReadonlyMap<string, T>; readonly resourceVersion: string }
  | { readonly kind: 'changed' | 'gone'; readonly object: T }
  /** The watch is open (again): what is known is live from here on. */
  | { readonly kind: 'watching' }
  /** Hold what you know; it is tried again. */
  | { readonly kind: 'unavailable'; readonly error: KubeError }

export interface ReflectOptions {
  readonly signal: AbortSignal
  /** Called before each list and each watch; throws (a KubeError `replaced`) when another cluster answers. */
  readonly verify: (signal: AbortSignal) => Promise<void>
  readonly pageSize?: number
  /** A random number in [0, 1), for time-outs that do not fall in step. */
  readonly random?: () => number
  /** Longest silence of a watch that is known to send bookmarks (about one a minute), in ms. */
  readonly stallMs?: number
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number }
  /** Resolves early to end a wait, when something hints that it is worth looking now. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

const PAGE_SIZE = 500
/** Longest wait for a server that is there but asks for time, or is not there: as client-go's reflector. */
const BACKOFF = { initialMs: 800, maxMs: 30_000 }
/** client-go asks for watches of 5 to 10 minutes, so that they spread over the servers. */
const WATCH_SECONDS = { min: 300, spread: 300 }
const STALL_MS = 150_000

/**
 * Lists a resource in pages and watches it from there, for ever: resumes where a watch ended, lists again when the server forgot
 * that place (410), backs off when it does not answer. Ends only when the signal aborts.
 *
 * The shape of client-go's `tools/cache/reflector.go`, with three promises of its own: a list is yielded only when its last page
 * came; the place to resume from moves only with what was yielded; nothing that can not be read is skipped.
 */
export async function* reflect<T>(
  client: KubeClient,
  resource: Resource<T>,
  options: ReflectOptions,
): AsyncIterable<Observed<T>> {
  const { signal } = options
  const retry = createRetry(options)
  let from = ''
  let forgotten = false
  while (!signal.aborted) {
    try {
      if (from === '') {
        const listed = await list(client, resource, options)
        from = listed.resourceVersion
        yield listed
      }
      let heard = false
      for await (const step of watch(client, resource, from, options)) {
        from = step.resourceVersion
        heard ||= step.yielded?.kind !== 'watching'
        if (heard) {
          retry.reset()
          forgotten = false
        }
        if (step.yielded !== null) yield step.yielded
      }
      // A watch that ends at once without a word is a failure too, else a broken proxy is asked without pause.
      if (!heard) await retry.wait(0)
    } catch (error) {
      if (signal.aborted) return
      const failure = fromFailure(error)
      if (failure.kind === 'expired') {
        from = ''
        // Once is how a watch that was away too long ends. Again, without a word in between, is a fault: lists are costly.
        if (!forgotten) {
          forgotten = true
          continue
        }
      }
      yield { kind: 'unavailable', error: failure }
      await retry.wait(failure.retryAfterMs)
    }
  }
}

/** All objects, page by page, of one moment. Rejects when a page fails: half a list is no list. */
export async function list<T>(client: KubeClient, resource: Resource<T>, options: ReflectOptions): Promise<Listed<T>> {
  await options.verify(options.signal)
  const objects = new Map<string, T>()
  let page = ''
  for (;;) {
    const query = new URLSearchParams({
      limit: String(options.pageSize ?? PAGE_SIZE),
      ...(page === '' ? {} : { continue: page }),
    })
    const answer = (await client.get(`${resource.path}?${query.toString()}`, options.signal)) as ListAnswer
    if (!Array.isArray(answer.items) || typeof answer.metadata?.resourceVersion !== 'string') {
      throw new KubeError('invalid', `${resource.path}: the answer is not a list`)
    }
    for (const item of answer.items) {
      const kept = resource.project(item)
      objects.set(resource.keyOf(kept), kept)
    }
    page = answer.metadata.continue ?? ''
    if (page === '') return { kind: 'listed', objects, resourceVersion: answer.metadata.resourceVersion }
  }
}

type Listed<T> = Extract<Observed<T>, { kind: 'listed' }>

interface ListAnswer {
  readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: string }
  readonly items?: unknown
}

interface Step<T> {
  readonly resourceVersion: string
  readonly yielded: Observed<T> | null
}

async function* watch<T>(
  client: KubeClient,
  resource: Resource<T>,
  from: string,
  options: ReflectOptions,
): AsyncIterable<Step<T>> {
  await options.verify(options.signal)
  const random = options.random ?? Math.random
  const query = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion: from,
    timeoutSeconds: String(Math.floor(WATCH_SECONDS.min + random() * WATCH_SECONDS.spread)),
  })
  using stall = new StallTimer(options.stallMs ?? STALL_MS)
  const body = await client.stream(
    `${resource.path}?${query.toString()}`,
    AbortSignal.any([options.signal, stall.signal]),
  )
  yield { resourceVersion: from, yielded: { kind: 'watching' } }
  for await (const line of jsonLines(body)) {
    stall.pause()
    const step = read(line, resource)
    yield step
    stall.listen(step.yielded === null)
  }
}

/** One line of a watch. Throws what its ERROR says, or `invalid`: a line that can not be read is not skipped. */
function read<T>(line: unknown, resource: Resource<T>): Step<T> {
  const { type, object } = (line ?? {}) as { type?: unknown; object?: unknown }
  if (type === 'ERROR') throw watchError(object)
  const resourceVersion = (object as Versioned | null | undefined)?.metadata?.resourceVersion
  if (typeof resourceVersion !== 'string' || resourceVersion === '')
    throw new KubeError('invalid', `${resource.path}: a watch event without a resourceVersion`)
  switch (type) {
    case 'BOOKMARK':
      return { resourceVersion, yielded: null }
    case 'ADDED':
    case 'MODIFIED':
      return { resourceVersion, yielded: { kind: 'changed', object: resource.project(object) } }
    case 'DELETED':
      return { resourceVersion, yielded: { kind: 'gone', object: resource.project(object) } }
    default:
      throw new KubeError('invalid', `${resource.path}: a watch event of the unknown type ${String(type)}`)
  }
}

interface Versioned {
  readonly metadata?: { readonly resourceVersion?: unknown }
}

/** An ERROR event carries a Status: 410 means that the place to resume from is forgotten. */
function watchError(object: unknown): KubeError {
  const { code, message } = (object ?? {}) as { code?: unknown; message?: unknown }
  const text = typeof message === 'string' ? message.slice(0, 300) : 'the watch ended with an error'
  if (code === 410) return new KubeError('expired', text)
  return new KubeError(code === 429 ? 'throttled' : 'server', text)
}

/** Ends a watch that went silent although its server sends bookmarks: its connection is dead, and nobody said so. */
class StallTimer implements Disposable {
  readonly #controller = new AbortController()
  readonly #ms: number
  #armed = false
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.#ms = ms
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** A line came: while its reader works on it, and so leaves the socket unread, the silence is our own. */
  pause(): void {
    clearTimeout(this.#timer)
  }

  listen(bookmark: boolean): void {
    this.#armed ||= bookmark
    if (this.#armed)
      this.#timer = setTimeout(
        () => this.#controller.abort(new KubeError('unreachable', 'the watch went silent')),
        this.#ms,
      )
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}

interface Retry {
  reset(): void
  wait(atLeastMs: number): Promise<void>
}

function createRetry(options: ReflectOptions): Retry {
  const { initialMs, maxMs } = options.backoff ?? BACKOFF
  const wait = options.sleep ?? pause
  const first = new ExponentialBackoff({
    initialDelay: initialMs,
    maxDelay: maxMs,
    generator: decorrelatedJitterGenerator,
  })
  let next: ReturnType<typeof first.next> | null = null
  return {
    reset() {
      next = null
    },
    async wait(atLeastMs) {
      next = next === null ? first.next() : next.next(undefined)
      await wait(Math.max(next.duration, atLeastMs), options.signal)
    },
  }
}
