/** Before a key that is never kept, and what follows it where keys are sorted: `metadata.name`. */
const HEAD = ',"managedFields":['
const TAIL = '],"name":'

/**
 * JSON text without the arrays under `managedFields`, where they can be found without reading them: about half of an object of a custom
 * resource, of which nothing is kept, and the dearest half to parse. What is left may be no JSON any more: see `parseTrimmed`.
 *
 * An API server writes custom resources with sorted keys, so that `metadata.name` comes next; and who set which field is a tree of maps
 * without an array. So the first `]` ends it, when `,"name":` follows. Both marks begin outside of any string, as a quote after a comma is
 * none that is escaped. Anything else stays as it is.
 */
export function trimmed(text: string): string {
  let kept = ''
  let from = 0
  for (let head = text.indexOf(HEAD); head >= 0;) {
    const end = text.indexOf(']', head + HEAD.length)
    if (end < 0) break
    if (text.startsWith(TAIL, end)) {
      kept += text.slice(from, head)
      from = end + 1
    }
    head = text.indexOf(HEAD, end)
  }
  return from === 0 ? text : kept + text.slice(from)
}

/**
 * What JSON.parse gives, but that arrays under `managedFields` may be missing. Throws a SyntaxError for what is no JSON; only inside such
 * an array it may go unseen.
 *
 * That what was cut was the array, and the whole of it: without a `]` in it nothing in it closes an array, so the `]` at its end closes the
 * last one that was opened. Were that one inside, what is left would have more brackets closed than opened, and is no JSON.
 */
export function parseTrimmed(text: string): unknown {
  const rest = trimmed(text)
  if (rest === text) return JSON.parse(text)
  try {
    return JSON.parse(rest)
  } catch {
    return JSON.parse(text)
  }
}
