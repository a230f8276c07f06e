/**
 * Named URLs: `/job_templates/<name>++<organization>/` in place of an id.
 * A literal `+` in a name is written `[+]`; the rest is percent-encoded, and decoded before it comes here.
 */
export function namedUrlParts(segment: string): string[] {
  return segment.split('++').map(part => part.replaceAll('[+]', '+'))
}

/** The last segment of an object's named URL, as the product shows it: not percent-encoded but for its reserved characters. */
export function namedUrl(...parts: string[]): string {
  return parts.map(part => part.replaceAll('+', '[+]').replace(/[;/?:@=&]/g, encodeURIComponent)).join('++')
}
