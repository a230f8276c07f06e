import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Position, Stored } from '../log/index.ts'

/** A comment line this often keeps proxies from closing a quiet stream. */
const KEEPALIVE_MS = 15_000

/** A frame about the stream itself. */
export interface Notice {
  readonly event: string
  readonly data: object
}

/** Where a stream begins, what is said first, and what is said when it ends while its reader is there. */
interface Course {
  readonly from: Position
  readonly first?: Notice
  readonly last?: () => Notice | null
}

/**
 * Writes log entries as server-sent events (WHATWG HTML §9.2): `id` is the position to resume from, `event` the CloudEvents type,
 * `data` the event. The first frame has the position, and nothing else unless it is given, so that who hears nothing more knows where to
 * go on. Waits while the reader does not read, so that a slow one costs no memory. Resolves when it leaves.
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
    // A reader that does not read is alive or is not: more for it to read does not tell.
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
