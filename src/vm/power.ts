import { besides } from './guests.ts'
import { isRunning, type Told, type VmRecord } from './record.ts'
import type { Teller } from './teller.ts'

/**
 * Boots: what runs, what ended and how, what does not come up.
 *
 * | told boot | now                                                       | fact                                                |
 * |-----------|-----------------------------------------------------------|-----------------------------------------------------|
 * | none      | a VMI runs                                                | started                                             |
 * | X         | another VMI runs                                          | restarted                                           |
 * | X         | X has failed, it ran, and nobody asked it to stop         | crashed                                             |
 * | X         | none runs, for `holds.stopped`                            | stopped, with why X ended                           |
 * | none      | boots fail one after the other before the guest runs      | start_failed, once until one runs or nobody wants it |
 * | none      | its status says what hinders it, for `holds.stopped`      | start_failed, likewise                              |
 * | none      | it waits for a disk that can not be made, for as long     | start_failed, likewise, with why                    |
 *
 * A boot that ends takes `reachable` and `paused` with it, without a word of their own. A live migration keeps the VMI, so it is
 * neither. A VMI that only waits to receive a guest of another cluster does not run.
 */
export function followPower(teller: Teller, before: VmRecord): void {
  followBoot(teller, before)
  followFailing(teller, before)
}

function followBoot(teller: Teller, before: VmRecord): void {
  const { seen, told } = teller.record
  const from = before.seen.status === 'Running' ? 'Starting' : before.seen.status
  if (isRunning(seen)) {
    if (told.boot === seen.boot) return
    const fact = told.boot === '' ? 'started' : 'restarted'
    const reason = fact === 'restarted' ? endOf(teller.record) : ''
    teller.told({ boot: seen.boot, reachable: false, paused: false, ...besideOf(teller) })
    // printableStatus follows the VMI a moment later: the fact itself says what it is now.
    teller.tell(fact, [seen.boot], { from, to: 'Running', changed: ['boot'], reason })
    return
  }
  if (told.boot === '') return
  const ended = { from: 'Running', to: seen.status, changed: ['boot'] }
  if (seen.boot === told.boot && endOf(teller.record) === 'crashed') {
    teller.told({ boot: '', reachable: false, paused: false, ...ranTo(teller, teller.gap) })
    teller.tell('crashed', [told.boot], { ...ended, reason: seen.ended?.detail ?? '' })
    return
  }
  const lasted = teller.lasted('stopped', told.boot, before)
  if (lasted === null) return
  const reason = endOf(teller.record)
  teller.told({ boot: '', reachable: false, paused: false, ...ranTo(teller, lasted.gap) })
  teller.tell('stopped', [told.boot], { ...lasted, ...ended, reason })
}

/** Of a run whose end nobody saw it is not known when that was. */
function ranTo({ now, record }: Teller, gap: boolean): Partial<Told> {
  return gap ? (record.told.ran_to === undefined ? {} : { ran_to: 0 }) : { ran_to: now }
}

/** Whether another of its firmware UUID runs as it starts. The first is remembered: it is proof, and proof does not go out of date. */
function besideOf({ record, guests, now }: Teller): Partial<Told> {
  const { ran_to, beside } = record.told
  const other = beside === undefined ? besides(record, guests) : null
  return {
    ...(ran_to === undefined ? {} : { ran_to: 0 }),
    ...(other === null ? {} : { beside: { uid: other.uid, since: now } }),
  }
}

/** Why the told boot ended, as far as anybody saw. */
function endOf({ seen, told }: VmRecord): string {
  if (seen.ended?.boot === told.boot) return seen.ended.because
  return seen.run_strategy === 'Halted' ? 'asked' : ''
}

function followFailing(teller: Teller, before: VmRecord): void {
  const { seen, told, last_of } = teller.record
  const failing = seen.failing ?? ''
  // What is wrong with disks was not known before, and the VM itself says nothing of it: it is no news.
  const unheard = teller.disksAreNew && failing === DISK_ERROR && !HINDRANCES.has(seen.status)
  if (told.failing === undefined || unheard) return teller.told({ failing: failing !== '' })
  // The words for it alternate (ErrImagePull, ImagePullBackOff, Starting): it is over when it runs or nobody wants it to.
  const over = isRunning(seen) || seen.run_strategy === 'Halted' || seen.status === 'Stopped'
  if (over && told.failing) teller.told({ failing: false })
  if (over || failing === '' || told.failing) return
  const counted = failing === CRASH_LOOP
  const lasted = counted ? {} : teller.lasted('start_failed', 'failing', before)
  // The boot before is told as stopped first; it waits as long.
  if (lasted === null || told.boot !== '') return
  teller.told({ failing: true })
  const reason = seen.hindered_by === undefined ? failing : `${failing}: ${seen.hindered_by}`
  const thing = [counted ? (seen.failed_boot ?? '') : '', last_of.start_failed ?? '']
  teller.tell('start_failed', thing, { ...lasted, to: seen.status, reason, changed: ['failing'] })
}

/** KubeVirt's word for a disk that can not be made. */
export const DISK_ERROR = 'DataVolumeError'

/** KubeVirt's word for boots that fail before the guest ever ran; it comes and goes between them, the count stays. */
export const CRASH_LOOP = 'CrashLoopBackOff'

/** Statuses that say what keeps a VM from starting (KubeVirt vm.go `setPrintableStatus`). */
export const HINDRANCES: ReadonlySet<string> = new Set([
  'ErrorUnschedulable',
  'ErrorPvcNotFound',
  DISK_ERROR,
  'ErrImagePull',
  'ImagePullBackOff',
])
