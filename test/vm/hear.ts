import { deepEqual, equal, notEqual } from 'node:assert/strict'
import type { Fact } from '../../src/vm/index.ts'

/** What somebody knows of one VM name who has only heard the facts. */
export interface Known {
  readonly uid: string
  readonly boot: string
  readonly reachable: boolean
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  readonly node: string
}

/** Takes in one fact. Throws when it can not be, by all that was heard before. */
export function hear(known: Known | null, fact: Fact): Known | null {
  const { uid, seen } = fact.about
  if (fact.fact === 'created' || fact.fact === 'discovered') {
    equal(known, null)
    return { uid, boot: '', reachable: false, address: '', labels: seen.labels, node: '' }
  }
  if (known === null) throw new Error(`${fact.fact} of a VM nobody heard of`)
  equal(uid, known.uid)
  switch (fact.fact) {
    case 'deleted':
      return null
    case 'started':
      equal(known.boot, '')
      return { ...known, boot: seen.boot, node: seen.node }
    case 'restarted':
      notEqual(known.boot, '')
      notEqual(known.boot, seen.boot)
      return { ...known, boot: seen.boot, reachable: false, node: seen.node }
    case 'stopped':
      notEqual(known.boot, '')
      return { ...known, boot: '', reachable: false }
    case 'reachable':
    case 'unreachable':
      deepEqual([seen.boot, fact.fact === 'unreachable'], [known.boot, known.reachable])
      return { ...known, reachable: fact.fact === 'reachable' }
    case 'migrated':
      deepEqual([seen.boot, fact.transition.from], [known.boot, known.node])
      return { ...known, node: fact.transition.to }
    case 'address_changed':
      return { ...known, address: fact.transition.to }
    case 'labels_changed':
      return { ...known, labels: seen.labels }
    default:
      throw new Error(`nobody knows what ${String(fact.fact)} means`)
  }
}
