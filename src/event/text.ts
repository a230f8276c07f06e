/** The longest free text that is kept of anything a guest or a user may write. */
const MAX_TEXT = 256

// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** What nearly all of it is: nothing to be done. */
const PLAIN = /^(?:[!-~](?:[ -~]{0,254}[!-~])?)?$/

/** The first half of a character that takes two, without the second. */
const CUT_CHARACTER = /[\ud800-\udbff]$/

/** Guest- or user-supplied text made harmless to print and to store: no control or direction characters, at most 256 characters, each whole. */
export function plainText(value: unknown): string {
  if (typeof value !== 'string') return ''
  if (PLAIN.test(value)) return value
  return value.slice(0, MAX_TEXT).replace(CUT_CHARACTER, '').replace(CONTROL, ' ').trim()
}
