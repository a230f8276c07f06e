import { KubeError } from './error.ts'

/** The longest line of a watch: an object in etcd is at most 1.5 MB, an event around it a little more. */
const MAX_LINE = 4 * 1024 * 1024

/**
 * The JSON lines of a watch, one by one, pulled: while the caller works on one, the socket is left unread.
 *
 * A line that is not JSON, or longer than 4 MB, rejects: nothing is skipped in silence. A last line without its newline was cut
 * off and rejects too.
 */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncIterable<unknown> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of body) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end)
      rest = rest.subarray(end + 1)
      if (line.length > 0) yield parse(line)
    }
    if (rest.length > MAX_LINE) throw new KubeError('invalid', `a watch line is longer than ${MAX_LINE} bytes`)
  }
  if (rest.length > 0) throw new KubeError('invalid', 'the watch was cut off in the middle of a line')
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch (error) {
    throw new KubeError('invalid', 'a watch line is not JSON', { cause: error })
  }
}
