import { Fault } from '../errors.ts'
import type { Api } from './api.ts'

/** At least as much of an id as events show, and not all of it. */
const BEGINNING = /^[0-9a-f]{8}[0-9a-f-]{0,27}$/

/**
 * The id of the run that is meant: by its id, or by the beginning of it that events show, among the runs that the bridge lists. What is
 * the beginning of none is given back as it is. Rejects with a Fault `ambiguous` where several runs begin so.
 */
export async function wholeId(api: Api, said: string): Promise<string> {
  if (!BEGINNING.test(said)) return said
  const { runs } = (await api.get('/api/v1/runs')) as { readonly runs: readonly { readonly id: string }[] }
  const meant = runs.map(({ id }) => id).filter(id => id.startsWith(said))
  if (meant.length > 1)
    throw new Fault('ambiguous', `${meant.length} runs begin with ${said}`, {
      hint: `say more of the id: ${meant.slice(0, SHOWN).join(', ')}${meant.length > SHOWN ? ', …' : ''}`,
    })
  return meant[0] ?? said
}

/** How many of several are named. */
const SHOWN = 5
