import type { Verb, VerbPolicy } from '../day2/index.ts'
import { text } from './description.ts'
import type { AppParts } from './parts.ts'
import { Problem } from './problem.ts'

/** How a verb is said in a body. */
export const VERB = { ...text(512), minLength: 1, description: 'A verb, or the name of its job template' }

/** Verbs that are named in a refusal. */
const NAMED = 30

/** The verb that a caller names, by itself or by its job template. Throws a Problem `unknown_verb` that names those that there are. */
export function verbOf(parts: Pick<AppParts, 'verbs'>, said: string): VerbPolicy & { readonly verb: Verb } {
  const own = parts.verbs.get(said)
  if (own !== undefined) return { ...own, verb: said }
  for (const [verb, policy] of parts.verbs)
    if (policy.steps === undefined && policy.template === said) return { ...policy, verb }
  const known = [...parts.verbs.keys()].slice(0, NAMED)
  throw new Problem(422, 'unknown_verb', `this bridge knows no verb and no job template "${said}"`, {
    hint: `it knows ${known.join(', ')}; another one is there when the configuration names it: verbs: {reboot: {}}`,
    more: { verbs: known },
  })
}
