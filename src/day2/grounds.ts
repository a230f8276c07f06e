import { plainText } from '../event/index.ts'
import { counted } from '../whole-number.ts'

/** Why a run was allowed, as an audit asks it; what it was wanted for is its `reason`. Runs of before have none. */
export interface Grounds {
  /** What set it off: a fact about its VMs, somebody who asked virtbridge, or a launch at the controller. */
  readonly trigger: 'news' | 'wish' | 'controller'
  /** By which rule or right nobody stopped it: one line of at most 256 characters. */
  readonly allowed_by: string
}

/** Of what starts by itself: the rule that `plan()` went by. Pure. */
export function groundsOfNews(verb: string, brake: { readonly hosts: number; readonly perMs: number }): Grounds {
  const most = `${counted(brake.hosts, 'host')} in ${brake.perMs / 1000} s at most`
  const rule = `the rule of ${verb}: new since its cluster was adopted, ready, never done before; ${most}`
  return { trigger: 'news', allowed_by: plainText(rule) }
}

/** Of what somebody asked for: `allowed_by` is what was looked at when the wish was taken in; commands of before do not say it. Pure. */
export function groundsOfWish(wish: { readonly asked_by: string; readonly allowed_by?: string }): Grounds {
  return { trigger: 'wish', allowed_by: plainText(wish.allowed_by ?? `the right run of the token ${wish.asked_by}`) }
}

/** Of what others launched: virtbridge was not asked. Pure. */
export function groundsAtController(by: string, launchType: string): Grounds {
  const rights = `the rights of ${by || 'somebody'} at the controller (${launchType})`
  return { trigger: 'controller', allowed_by: plainText(rights) }
}

/** The right of a token by which a wish is taken in. Which part of the fleet that is stays unsaid: who may read of the run may not know of all of it. Pure. */
export function rightOfToken(name: string, isNarrow: boolean): string {
  return plainText(`the right run of the token ${name} on ${isNarrow ? 'its part of the fleet' : 'the whole fleet'}`)
}
