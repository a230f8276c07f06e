import { isDeepStrictEqual } from 'node:util'
import type { Change, VmRecord } from '../vm/index.ts'

/** A VM whose record changes: what it was, its new record (null when it is gone) and the facts that became true. */
export interface Staged extends Change {
  readonly key: string
  readonly before: VmRecord | null
}

/** Null: a VM that was looked at, and of which nothing changed. So that who takes them can let others have their turn. */
export type Looked = Iterable<Staged | null>

/** Nothing is staged when all that moved is the resourceVersion. */
export function* stage(key: string, before: VmRecord | null, next: Change): Iterable<Staged> {
  if (next.facts.length === 0 && isAlike(before, next.record)) return
  yield { key, before, ...next }
}

/** Also when keys come in another order, as an earlier version wrote them: that changes no length, so few need the closer look. */
function isAlike(before: VmRecord | null, after: VmRecord | null): boolean {
  if (before === null || after === null) return before === after
  const [was, is] = [before, after].map(record => ({ ...record, resource_version: '' }))
  const [wasText, isText] = [JSON.stringify(was), JSON.stringify(is)]
  return wasText === isText || (wasText.length === isText.length && isDeepStrictEqual(was, is))
}
