import { counted } from '../whole-number.ts'
import type { Answer } from './answer.ts'
import type { Discovery } from './discovery.ts'
import { ControllerError } from './error.ts'
import { rows, query, PAGE_SIZE } from './page.ts'
import type { Session } from './session.ts'

/** `expires` is null for a token without an end. `scope` is `read` or `write`. */
export type TokenExpiry = { readonly expires: Date | null; readonly scope: string } | 'unknown'

/**
 * When our token ends. The controller tells it only in the list of the account's own tokens, with every value masked: so with several
 * tokens the description says which is ours, and without one the answer is `unknown`. An account that may not list its tokens, and a
 * controller without that list, are `unknown` too. Throws `unauthorized` when the token is already no good.
 */
export async function tokenExpiry(session: Session, where: Discovery, description?: string): Promise<TokenExpiry> {
  const me = (await session.get(`${where.base}me/`)).answers('results')[0]
  if (me === undefined) throw new ControllerError('protocol', `${session.origin} does not say whose token it is`)
  const list = tokenList(where, me)
  try {
    return oursOf(list === '' ? [] : await rows(session, query(list, { page_size: PAGE_SIZE })), description)
  } catch (error) {
    if (error instanceof ControllerError && (error.kind === 'forbidden' || error.kind === 'not_found')) return 'unknown'
    throw error
  }
}

/** Behind a gateway the controller has no tokens of its own; an administrator's `/tokens/` there lists everybody's. */
function tokenList(where: Discovery, me: Answer): string {
  if (where.gateway !== '') return `${where.gateway}tokens/`
  const related = me.answer('related')
  return related.has('personal_tokens') ? related.string('personal_tokens') : ''
}

function oursOf(tokens: readonly Answer[], description: string | undefined): TokenExpiry {
  const candidates =
    description === undefined ? tokens : tokens.filter(token => token.raw('description') === description)
  const distinct = new Map(candidates.map(token => [JSON.stringify([token.raw('expires'), token.raw('scope')]), token]))
  const [ours] = distinct.values()
  if (ours === undefined || distinct.size > 1) return 'unknown'
  const scope = ours.string('scope')
  if (!ours.has('expires')) return { expires: null, scope }
  const expires = new Date(ours.string('expires'))
  return Number.isNaN(expires.getTime()) ? 'unknown' : { expires, scope }
}

/** A token that ends sooner is warned of. */
export const EXPIRY_WARNING_MS = 30 * 86_400_000

/** What to tell of a token that ends soon or may not launch, in one sentence; empty when all is well or nothing is known. Pure. */
export function expiryWarning(expiry: TokenExpiry, now: number): string {
  if (expiry === 'unknown') return ''
  if (expiry.scope === 'read') return 'the token of the controller may only read: make one with write scope'
  if (expiry.expires === null || expiry.expires.getTime() - now >= EXPIRY_WARNING_MS) return ''
  const days = Math.max(0, Math.floor((expiry.expires.getTime() - now) / 86_400_000))
  return `the token of the controller ends on ${expiry.expires.toISOString().slice(0, 10)} (${counted(days, 'day')}): make a new one; a changed token file counts at once`
}
