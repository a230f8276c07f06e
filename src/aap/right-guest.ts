import type { ControllerHost } from './host.ts'
import { hostFault } from './limit.ts'

/** A guest as the fleet knows it. */
export interface ExpectedGuest {
  readonly host: string
  readonly uid: string
  /**
   * What of a connection leads to it, each by the names of variables: the controller must have all of one. Null: nobody will connect to
   * it, so where it is is nothing to the job.
   */
  readonly ways: readonly Readonly<Record<string, string | number>>[] | null
}

/** `why` can be cured by an inventory update, but for `name`. */
export interface StaleGuest {
  readonly host: string
  readonly why: 'absent' | 'disabled' | 'uid' | 'address' | 'name'
  readonly reason: string
}

/**
 * Which hosts the controller would reach as the guests we mean: there, enabled, with our uid, and by a way that leads to them now: an
 * address of theirs, a Service, or a proxy command. Pure. A guest of which we know no uid, or no way although it is to be connected to,
 * is never ready, whatever the controller says.
 */
export function rightGuest(
  expected: readonly ExpectedGuest[],
  found: ReadonlyMap<string, ControllerHost>,
): { ready: string[]; stale: StaleGuest[] } {
  const ready: string[] = []
  const stale: StaleGuest[] = []
  for (const guest of expected) {
    const fault = faultOf(guest, found.get(guest.host))
    if (fault === null) ready.push(guest.host)
    else stale.push({ host: guest.host, ...fault })
  }
  return { ready, stale }
}

function faultOf(guest: ExpectedGuest, found: ControllerHost | undefined): Omit<StaleGuest, 'host'> | null {
  const name = hostFault(guest.host)
  if (name !== null) return { why: 'name', reason: name }
  if (found === undefined) return { why: 'absent', reason: 'the controller’s inventory does not have it' }
  if (found.sharesGroupName)
    return {
      why: 'name',
      reason: 'a group of the controller’s inventory has the same name, so a limit would mean the group',
    }
  if (!found.enabled) return { why: 'disabled', reason: 'it is disabled in the controller’s inventory' }
  const uid = found.variables['kubevirt_uid']
  if (guest.uid === '' || uid !== guest.uid)
    return { why: 'uid', reason: `the controller has the VM with uid ${shown(uid)}, the fleet ${shown(guest.uid)}` }
  if (guest.ways === null) return null
  const leads = guest.ways.some(way => Object.entries(way).every(([name, value]) => found.variables[name] === value))
  if (leads) return null
  const named = [...new Set(guest.ways.map(way => shown(end(way))))]
  return {
    why: 'address',
    reason: `the controller would reach it at ${shown(end(found.variables))}, the fleet says ${named.join(' or ') || 'nothing'}`,
  }
}

/** Where a connection ends, for people: `192.0.2.7`, `lb.example.com:30022`. */
function end({ ansible_host: host, ansible_port: port }: Readonly<Record<string, unknown>>): string {
  if (typeof host !== 'string') return ''
  return typeof port === 'number' ? `${host}:${port}` : host
}

function shown(value: unknown): string {
  return typeof value === 'string' && value !== '' ? JSON.stringify(value.slice(0, 80)) : 'nothing'
}
