import { KubeError } from './error.ts'
import { Scratch } from './scratch.ts'
import { parseTrimmed } from './trim.ts'

/** The longest line of a watch: an object in etcd is at most 1.5 MB, an event around it a little more. */
const MAX_LINE = 4 * 1024 * 1024

const scratch = new Scratch()

/**
 * The JSON lines of a watch, one by one, pulled: while the caller works on one, the socket is left unread.
 *
 * A line that is not JSON, or longer than 4 MB, rejects: nothing is skipped in silence. A last line without its newline was cut
 * off and rejects too. Bytes that are no UTF-8 become U+FFFD: what holds them is told all the same. `managedFields` may be left out, and
 * are then not looked at.
 */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, void, undefined> {
  let parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    let begin = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      const rest = chunk.subarray(begin, end)
      const line = parts.length === 0 ? rest : scratch.join([...parts, rest])
      begin = end + 1
      parts = []
      size = 0
      if (line.length > 0) yield parse(line)
    }
    if (begin === chunk.length) continue
    parts.push(chunk.subarray(begin))
    size += chunk.length - begin
    if (size > MAX_LINE) throw new KubeError('invalid', `a watch line is longer than ${MAX_LINE} bytes`)
  }
  if (size > 0) throw new KubeError('invalid', 'the watch was cut off in the middle of a line')
}

function parse(line: Uint8Array): unknown {
  try {
    return parseTrimmed(Buffer.from(line.buffer, line.byteOffset, line.byteLength), 1)
  } catch (error) {
    throw new KubeError('invalid', 'a watch line is not JSON', { cause: error })
  }
}
