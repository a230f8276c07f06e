import { createRequire } from 'node:module'

interface InflightRequest {
  readonly requestTimeout: number
  timeoutRequest(): void
}

interface RequestQueue {
  readonly pending: readonly unknown[]
  readonly inflight: ReadonlyMap<number, InflightRequest>
  readonly enforceRequestTimeout: boolean
  requestTimeoutIntervalId: NodeJS.Timeout | undefined
  readonly isConnected: () => boolean
  scheduleCheckPendingRequests(): void
  scheduleRequestTimeoutCheck(): void
  destroy(): void
}

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  readonly prototype: RequestQueue
}

let mended = false
const TIMEOUT_CHECK_MS = 1_000

/** When each request was first seen to wait for its answer, by the clock that nobody sets. */
const seen = new WeakMap<InflightRequest, number>()

/**
 * Two timers of kafkajs that keep an idle process busy, made quiet without another copy of the library.
 *
 * It arms one after each response to look for requests that wait, also when none does, with a delay in the past: it fires every
 * millisecond for ever, a percent of a core a connection, and Node warns of it. Only a queue that holds something needs it. The other
 * looks ten times a second on each connection whether a request is overdue; once is enough for time-outs of many seconds. It goes by the
 * wall clock: set forward, it gives up all that is under way; put back, a broker that is gone is waited for as much longer. Ours does not.
 */
export function mendTimers(): void {
  if (mended) return
  mended = true
  const { prototype } = RequestQueue
  const schedule = Reflect.get(prototype, 'scheduleCheckPendingRequests')
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this)
  }
  prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue): void {
    if (!this.enforceRequestTimeout) return
    this.destroy()
    this.requestTimeoutIntervalId = setInterval(() => {
      const now = performance.now()
      for (const request of this.inflight.values()) {
        const since = seen.get(request) ?? now
        seen.set(request, since)
        if (now - since >= request.requestTimeout) request.timeoutRequest()
      }
      if (!this.isConnected()) this.destroy()
    }, TIMEOUT_CHECK_MS)
  }
}
