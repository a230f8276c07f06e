/** What a request says of one value. */
interface Weighed {
  readonly value: string
  readonly weight: number
}

/**
 * Chooses a content coding by the header `Accept-Encoding` (RFC 9110 §12.5.3): of those offered the one with the highest weight, of equals
 * the first. Gives `identity` when the header is missing or accepts none of them, even when it refuses `identity`: the RFC allows that, and
 * a plain answer is better than none.
 */
export function codingFor<C extends string>(header: string | undefined, offered: readonly C[]): C | 'identity' {
  const asked = weigh(header ?? '')
  const weightOf = (coding: string): number | undefined => asked.find(({ value }) => value === coding)?.weight
  const rest = weightOf('*') ?? 0
  // Who does not name it takes it, but would rather have what is named.
  let [best, most]: [C | 'identity', number] = ['identity', weightOf('identity') ?? 0]
  for (const coding of offered) {
    const weight = weightOf(coding) ?? (coding === 'gzip' ? weightOf('x-gzip') : undefined) ?? rest
    if (weight > most) [best, most] = [coding, weight]
  }
  return best
}

/** True when a header `If-None-Match` names the entity tag, compared weakly, or everything (RFC 9110 §13.1.2). */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return [...header.matchAll(/(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g)].some(([, named]) => named === tag)
}

/** A list with weights (RFC 9110 §12.4.2); one whose weight can not be read weighs nothing. */
function weigh(header: string): readonly Weighed[] {
  return header.split(',').flatMap(item => {
    const [value = '', ...parameters] = item.split(';').map(part => part.trim().toLowerCase())
    const said = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
    const weight = said === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(said) ? Number(said) : 0
    return value === '' ? [] : [{ value, weight }]
  })
}
