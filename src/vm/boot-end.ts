import type { BootEnd } from './part.ts'
import { dict, type Json, list, text } from './raw.ts'

/**
 * How a boot ended, by its VMI. `deletedAt` is its deletionTimestamp, which for a VMI is when somebody asked.
 *
 * | phase     | and                                              | end      |
 * |-----------|--------------------------------------------------|----------|
 * | any       | it was sent to another cluster, and arrived there | away     |
 * | Failed    | never ran, and was not deleted                   | -        |
 * | Failed    | ran, and was not deleted, or only afterwards     | failed   |
 * | Succeeded | not deleted, or only afterwards                  | shutdown |
 * | any       | deleted; also when it failed only then (a forced stop) | asked |
 *
 * A guest that does not go down within its grace period is destroyed, and its VMI is Failed like one that crashed (virt-handler
 * `calculateVmPhaseForStatusReason`): only the order of deletion and failure tells them apart. Times are whole seconds; a crash is
 * cleaned up within the same one, a grace period is longer.
 */
export function bootEnd(status: Json, deletedAt: string): BootEnd {
  const phase = text(status['phase'])
  const final = phase === 'Failed' || phase === 'Succeeded'
  const stamps = list(status['phaseTransitionTimestamps']).map(dict)
  const at = (name: string): number =>
    Date.parse(text(stamps.find(stamp => stamp['phase'] === name)?.['phaseTransitionTimestamp'])) || 0
  if (final && wentAway(dict(status['migrationState']))) return 'away'
  const first = final && (deletedAt === '' || (at(phase) > 0 && at(phase) <= Date.parse(deletedAt)))
  if (first && phase === 'Succeeded') return 'shutdown'
  if (first && phase === 'Failed') return stamps.some(stamp => stamp['phase'] === 'Running') ? 'failed' : ''
  return final || deletedAt !== '' ? 'asked' : ''
}

/** A migration between clusters has an address on which the other side synchronizes (KubeVirt 1.6). */
function wentAway(migration: Json): boolean {
  const synced = ['sourceState', 'targetState'].some(side => text(dict(migration[side])['syncAddress']) !== '')
  return synced && migration['completed'] === true && migration['failed'] !== true
}
