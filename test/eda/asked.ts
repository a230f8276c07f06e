import type { Event, VmEventData } from '../../src/event/index.ts'
import { asking, Guest } from './feed.ts'

/** Labels that ask for all of it. */
export const ALL = asking('onboard', 'configure', 'patch', 'offboard')
/** What is launched on a guest that runs and asks for all of it. */
export const WANTED = ['Day2 | Onboard', 'Day2 | Configure', 'Day2 | Patch']
const RHEL10 = { family: 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '10.0' }
export const WINDOWS = { family: 'windows', id: 'windows', name: 'Microsoft Windows Server 2022', version: '' }

type VmEvent = Event<VmEventData>

/** A guest that is up, with labels, and gets others. */
export function relabelled(labels: Record<string, string>, before: Record<string, string> = {}): VmEvent {
  return new Guest().look({ labels: before }).look({ labels }).told('labels_changed')
}

/** One with these labels becomes reachable. */
export function started(labels: Record<string, string>): VmEvent {
  return new Guest().look({ labels }).told('reachable')
}

/** One with these labels became another system. */
export function upgraded(labels: Record<string, string>): VmEvent {
  return new Guest().look({ labels }).look({ labels }, { os: RHEL10, kernel: '6.12.0-55' }).told('guest_changed')
}

/** As an older bridge tells it. */
export function withoutAdopted(event: VmEvent): VmEvent {
  const { adopted: _, ...vm } = event.data.vm
  return { ...event, data: { ...event.data, vm } }
}

/** One with these labels stops. */
export function stopped(labels: Record<string, string>): VmEvent {
  return new Guest().look({ labels }).stop(labels).told('stopped')
}

function condemned(labels: Record<string, string>): VmEvent {
  return new Guest().look().stop().stop(labels).told('labels_changed')
}

/** What is done to a guest by each. */
export const DONE: Readonly<Record<string, string>> = {
  'Day2 | Onboard': 'onboarded',
  'Day2 | Configure': 'configured',
  'Day2 | Patch': 'patched',
  'Day2 | Offboard': 'off-boarded',
}

/** Events that fire a verb's rule, by the template that is launched. */
export const ASKED: readonly (readonly [string, string, () => VmEvent])[] = [
  ['a guest that asks for it becomes reachable', 'Day2 | Onboard', () => started(asking('onboard'))],
  ['a guest that runs is labelled', 'Day2 | Onboard', () => relabelled(asking('onboard'))],
  ['a guest that runs is labelled', 'Day2 | Configure', () => relabelled(asking('configure'))],
  ['a labelled guest became another', 'Day2 | Configure', () => upgraded(asking('configure'))],
  ['a guest that runs is labelled', 'Day2 | Patch', () => relabelled(asking('patch'))],
  [
    'the label gets another value',
    'Day2 | Patch',
    () => relabelled(asking('patch'), { 'virtbridge.io/patch': 'before' }),
  ],
  ['a labelled guest stops', 'Day2 | Offboard', () => stopped(asking('offboard'))],
  ['a stopped guest is labelled', 'Day2 | Offboard', () => condemned(asking('offboard'))],
]
