import { digestOf } from '../event/index.ts'
import { guestWords, isRunning } from './record.ts'
import type { Teller } from './teller.ts'

/**
 * What a guest says it is, and whether its boot is behind its spec.
 *
 * | told    | now                                                    | fact                                    |
 * |---------|--------------------------------------------------------|-----------------------------------------|
 * | nothing | it says what it is                                     | -                                       |
 * | a guest | it says it is another (id, name, version, kernel)      | guest_changed; an empty word is unknown |
 * | no need | the running boot must be restarted for all of the spec | restart_required                        |
 *
 * KubeVirt refreshes what the guest says when its name changes, and at each boot: a new kernel shows after the next start.
 */
export function followGuest(teller: Teller): void {
  followWords(teller)
  followRestart(teller)
}

const GUEST_FIELDS = ['os.id', 'os.name', 'os.version', 'kernel'] as const

function followWords(teller: Teller): void {
  const { seen, told, last_of } = teller.record
  const guest = guestWords(seen)
  if (guest === '' || guest === told.guest) return
  const known = told.guest ?? ''
  teller.told({ guest })
  if (known === '') return
  const [was, is] = [fieldsOf(known), fieldsOf(guest)]
  const changed = GUEST_FIELDS.filter((_, index) => was[index] !== is[index])
  const thing = [digestOf(known, guest), last_of.guest_changed ?? '']
  teller.tell('guest_changed', thing, { from: inWords(was), to: inWords(is), changed })
}

function fieldsOf(guest: string): readonly string[] {
  return JSON.parse(guest) as string[]
}

function inWords([, name = '', version = '', kernel = '']: readonly string[]): string {
  return [name, version, kernel].filter(word => word !== '').join(' ')
}

function followRestart(teller: Teller): void {
  const { seen, told, last_of } = teller.record
  // A stopped VM keeps its conditions: they mean nothing.
  const needed = isRunning(seen) && told.boot === seen.boot && seen.restart_required === true
  if (told.restart_required === needed) return
  const unknown = told.restart_required === undefined
  teller.told({ restart_required: needed })
  if (unknown || !needed) return
  teller.tell('restart_required', [seen.boot, last_of.restart_required ?? ''], { changed: ['restart_required'] })
}
