import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Position, Stored } from '../log/index.ts'

/** A comment line this often keeps proxies from closing a quiet stream. */
const KEEPALIVE_MS = 15_000

/** A frame that is no log entry but tells something about the stream. */
export interface Notice {
  readonly event: string
  readonly data: object
}

/** `from`: where the stream begins. `first`: a notice to begin with. `last`: gives a notice for the end, when the server ends the stream. */
interface Course {
  readonly from: Position
  readonly first?: Notice
  readonly last?: () => Notice | null
}

/**
 * Sends log entries as server-sent events (WHATWG HTML §9.2): `id` is the position to resume from, `event` the CloudEvents type, `data` the
 * event. The first frame has the position alone (and `first`), so that a reader who gets no event before the connection breaks knows where
 * to resume. Does not read on while the client does not, so a slow client costs no memory. Resolves when the entries or the client end.
 */
export async function sendEvents(
  response: ServerResponse,
  entries: AsyncIterable<Stored>,
  { from, first, last }: Course,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  })
  response.write(`retry: 2000\nid: ${from}\n${first === undefined ? '' : frameOf(first)}\n`)
  const keepalive = setInterval(() => {
    // A client that has not read what was sent would not read this either.
    if (!response.writableNeedDrain) response.write(': alive\n\n')
  }, KEEPALIVE_MS)
  try {
    for await (const entry of entries) {
      const event: { type?: string } | null = entry.value
      const written = response.write(
        `id: ${entry.position}\nevent: ${event?.type ?? 'record'}\ndata: ${JSON.stringify(event)}\n\n`,
      )
      if (!written) await once(response, 'drain', { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    clearInterval(keepalive)
    const notice = last?.() ?? null
    response.end(notice === null ? undefined : `${frameOf(notice)}\n`)
  }
}

function frameOf({ event, data }: Notice): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n`
}
