import { deepEqual, equal, notEqual } from 'node:assert/strict'
import type { Fact } from '../../src/vm/index.ts'

/** What somebody knows of one VM name who has only heard the facts. */
export interface Known {
  readonly uid: string
  readonly boot: string
  readonly reachable: boolean
  readonly paused: boolean
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  readonly node: string
  /** What the guest is, and which disk it has, as far as a change was heard. */
  readonly guest: string
  readonly claim: string
  readonly inScope: boolean
}

/** Takes in one fact. Throws when it can not be, by all that was heard before. */
export function hear(known: Known | null, fact: Fact): Known | null {
  const { uid, seen } = fact.about
  if (known === null) {
    equal(['created', 'discovered', 'moved'].includes(fact.fact), true, `${fact.fact} of a VM nobody heard of`)
    return { ...NOTHING, uid, labels: seen.labels }
  }
  equal(uid, known.uid)
  if (fact.fact === 'discovered') {
    equal(known.inScope, false)
    return { ...known, inScope: true }
  }
  if (fact.fact === 'deleted' || fact.fact === 'moved') return null
  equal(known.inScope, true)
  return heardOfOne(known, fact)
}

const NOTHING: Omit<Known, 'uid' | 'labels'> = {
  boot: '',
  reachable: false,
  paused: false,
  address: '',
  node: '',
  guest: '',
  claim: '',
  inScope: true,
}

/** What they are about is not of the VM itself. */
const DEEDS: readonly string[] = [
  'migration_failed',
  'address_conflict',
  'address_conflict_resolved',
  'snapshot_succeeded',
  'snapshot_failed',
  'restore_succeeded',
  'restore_failed',
  'imported',
  'import_failed',
]

function heardOfOne(known: Known, fact: Fact): Known {
  const { seen } = fact.about
  const down = { boot: '', reachable: false, paused: false }
  const { from, to } = fact.transition
  switch (fact.fact) {
    case 'started':
      equal(known.boot, '')
      return { ...known, boot: seen.boot, node: seen.node }
    case 'restarted':
      notEqual(known.boot, '')
      notEqual(known.boot, seen.boot)
      return { ...known, ...down, boot: seen.boot, node: seen.node }
    case 'crashed':
      equal(known.boot, seen.boot)
      return { ...known, ...down }
    case 'stopped':
      notEqual(known.boot, '')
      return { ...known, ...down }
    case 'start_failed':
      equal(known.boot, '')
      return known
    case 'paused':
    case 'unpaused':
      deepEqual([seen.boot, fact.fact === 'unpaused'], [known.boot, known.paused])
      return { ...known, paused: fact.fact === 'paused' }
    case 'reachable':
    case 'unreachable':
      deepEqual([seen.boot, fact.fact === 'unreachable'], [known.boot, known.reachable])
      return { ...known, reachable: fact.fact === 'reachable' }
    case 'restart_required':
      equal(known.boot, seen.boot)
      return known
    case 'migrated':
      deepEqual([seen.boot, from], [known.boot, known.node])
      return { ...known, node: to }
    case 'address_changed':
      return { ...known, address: to }
    case 'labels_changed':
      return { ...known, labels: seen.labels }
    case 'guest_changed':
      if (known.guest !== '') equal(from, known.guest)
      return { ...known, guest: to }
    case 'root_disk_replaced':
      if (known.claim !== '') equal(from, known.claim)
      return { ...known, claim: to }
    case 'out_of_scope':
      return { ...known, inScope: false }
    default:
      if (!DEEDS.includes(fact.fact)) throw new Error(`nobody knows what ${fact.fact} means`)
      return known
  }
}
