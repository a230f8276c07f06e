/**
 * Characters of a JSON line that a terminal or a viewer may obey: control characters as JSON writes them (but line breaks and tabs,
 * which a stack has, and which no line of ours shows as they are), those that JSON leaves as they are, and those that turn the
 * direction of text. A backslash that stands for itself is passed over.
 */
const OBEYED =
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  /\\(?:\\|[bfr]|u00[01][0-9a-fA-F])|[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A line of JSON whose texts nobody obeys: each such character is written out, so that it is seen and does nothing. Pure. */
export function inert(line: string): string {
  return line.replace(OBEYED, found => {
    if (found === '\\\\') return found
    if (found.startsWith('\\')) return `\\${found}`
    return `\\\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
