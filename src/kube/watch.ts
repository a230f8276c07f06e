import type { KubeClient } from './client.ts'
import { KubeError } from './error.ts'
import { jsonLines } from './lines.ts'
import type { Resource } from './observed.ts'
import { type Step, stepOf } from './step.ts'

/** Nothing came for too long: the connection is dead, though nobody said so. */
export class Silent extends KubeError {
  constructor() {
    super('unreachable', 'the watch went silent')
  }
}

/**
 * A watch that is open, pulled step by step: between two pulls its socket is left unread, and the silence is our own. Dispose it, and
 * the server hears that nobody listens.
 */
export class OpenWatch<T> implements AsyncDisposable {
  readonly #resource: Resource<T>
  readonly #lines: AsyncGenerator<unknown, void, undefined>
  readonly #end: AbortController
  /** Of all waits one timer, begun anew with each: a burst is a hundred thousand of them. */
  #silence: { readonly ms: number; readonly timer: NodeJS.Timeout } | null = null
  #waits = false

  private constructor(resource: Resource<T>, lines: AsyncGenerator<unknown, void, undefined>, end: AbortController) {
    this.#resource = resource
    this.#lines = lines
    this.#end = end
  }

  /** Resolves when the server says that it is open. Rejects with a KubeError, or when the signal aborts. */
  static async open<T>(
    client: KubeClient,
    resource: Resource<T>,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<OpenWatch<T>> {
    const end = new AbortController()
    const asked = new URLSearchParams({ watch: '1', allowWatchBookmarks: 'true', ...query })
    const path = `${resource.path}?${asked.toString()}`
    const body = await client.stream(path, AbortSignal.any([signal, end.signal]))
    return new OpenWatch(resource, jsonLines(body), end)
  }

  /** The next step, or null when the server has ended the watch. Rejects when nothing comes for `silenceMs`: the connection is dead. */
  async next(silenceMs: number): Promise<Step<T> | null> {
    this.#listen(silenceMs)
    try {
      const { done, value } = await this.#lines.next()
      return done === true ? null : stepOf(value, this.#resource)
    } finally {
      this.#waits = false
    }
  }

  #listen(ms: number): void {
    this.#waits = true
    if (this.#silence?.ms === ms) {
      this.#silence.timer.refresh()
      return
    }
    clearTimeout(this.#silence?.timer)
    const silent = (): void => {
      if (this.#waits) this.#end.abort(new Silent())
    }
    this.#silence = { ms, timer: setTimeout(silent, ms) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#silence?.timer)
    this.#end.abort()
    await this.#lines.return().catch(() => undefined)
  }
}
