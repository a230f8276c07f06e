/** The most characters that are kept of a text that a guest or a user wrote. */
const MAX_TEXT = 256

// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text of at most 256 printable ASCII characters without spaces at its ends, as nearly all are: returned as it is, for speed. */
const PLAIN = /^(?:[!-~](?:[ -~]{0,254}[!-~])?)?$/

/** A surrogate at the end that lost its second half when the text was cut. */
const CUT_CHARACTER = /[\ud800-\udbff]$/

/** Text from guests or users, made harmless to print and to store: at most 256 UTF-16 units, control and bidirectional characters replaced by spaces, no half characters. Anything but a string gives `''`. */
export function plainText(value: unknown): string {
  if (typeof value !== 'string') return ''
  if (PLAIN.test(value)) return value
  return value.slice(0, MAX_TEXT).replace(CUT_CHARACTER, '').replace(CONTROL, ' ').trim()
}
