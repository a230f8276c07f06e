import { Scratch } from './scratch.ts'

/** Before a key that is never kept, and what follows it where keys are sorted: `metadata.name`. */
const HEAD = Buffer.from(',"managedFields":[')
const TAIL = Buffer.from('],"name":')

const scratch = new Scratch()

/**
 * JSON in UTF-8 without the arrays under `managedFields`, where they can be found without reading them: about half of an object of a custom
 * resource, of which nothing is kept, and the dearest half to parse. What is left may be no JSON any more: see `parseTrimmed`. It is of
 * use until the next call; where nothing was cut it is `json` itself.
 *
 * An API server writes custom resources with sorted keys, so that `metadata.name` comes next; and who set which field is a tree of maps
 * without an array. So the first `]` ends it, when `,"name":` follows. Both marks begin outside of any string, as a quote after a comma is
 * none that is escaped. Anything else stays as it is.
 *
 * `most`: how many objects are in it, at most. What comes after the last array that is cut is not searched for another.
 */
export function trimmed(json: Buffer, most = Infinity): Buffer {
  const kept: Buffer[] = []
  let from = 0
  for (let head = json.indexOf(HEAD); head >= 0;) {
    const end = json.indexOf(TAIL[0] as number, head + HEAD.length)
    if (end < 0) break
    if (TAIL.equals(json.subarray(end, end + TAIL.length))) {
      kept.push(json.subarray(from, head))
      from = end + 1
    }
    head = kept.length < most ? json.indexOf(HEAD, end) : -1
  }
  if (from === 0) return json
  kept.push(json.subarray(from))
  return scratch.join(kept)
}

/**
 * What JSON.parse gives, but that arrays under `managedFields` may be missing; bytes that are no UTF-8 become U+FFFD. Throws a
 * SyntaxError for what is no JSON; only inside such an array it may go unseen. `most`: as `trimmed` has it.
 *
 * That what was cut was the array, and the whole of it: without a `]` in it nothing in it closes an array, so the `]` at its end closes the
 * last one that was opened. Were that one inside, what is left would have more brackets closed than opened, and is no JSON.
 */
export function parseTrimmed(json: Buffer, most = Infinity): unknown {
  const rest = trimmed(json, most)
  if (rest === json) return JSON.parse(json.toString('utf8'))
  try {
    return JSON.parse(rest.toString('utf8'))
  } catch {
    return JSON.parse(json.toString('utf8'))
  }
}
