import type { KubeClient, KubeErrorKind } from '../kube/index.ts'
import { dict, list, text } from '../vm/raw.ts'
import type { ClusterRecord } from './record.ts'

/** For how long a cluster must be seen to have no KubeVirt: an API server that has just come up, or back, serves its own kinds first. */
export const ABSENCE_HOLD_MS = 60_000

/** Groups that KubeVirt brings: its kinds, and what its own API server serves. One without the other is half an installation. */
const KUBEVIRT = ['kubevirt.io', 'subresources.kubevirt.io']
/** Groups of every API server that can have kinds of others at all: a list without them is not the list of one. */
const BUILT_IN = ['apps', 'apiextensions.k8s.io']

/**
 * True when a list of API groups says that KubeVirt is not there. Pure.
 *
 * | it is the list of an API server, whole | it has a group of KubeVirt | |
 * |----------------------------------------|----------------------------|----------------------------------|
 * | no                                     | any                        | not proven: who knows who answers |
 * | yes                                    | yes                        | not proven: its VMs can not be read, and may be there |
 * | yes                                    | no                         | proven                            |
 */
export function provesAbsence(answer: unknown): boolean {
  const { kind, groups } = dict(answer)
  const names = new Set(list(groups).map(group => text(dict(group)['name'])))
  return kind === 'APIGroupList' && BUILT_IN.every(name => names.has(name)) && !KUBEVIRT.some(name => names.has(name))
}

/** Asks a cluster whether it has no KubeVirt; its identity before and after, so that no other cluster answers for it. Rejects with a KubeError. */
export async function seesAbsence(
  client: KubeClient,
  verify: (signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<boolean> {
  await verify(signal)
  const proven = provesAbsence(await client.get('/apis', signal))
  await verify(signal)
  return proven
}

/** True when it was never known to have VMs, in no life of this log: only then is their absence nobody's loss. */
export function mayLackKubeVirt(record: ClusterRecord, vms: number): boolean {
  return record.adopted_at === 0 && record.last_event === '' && vms === 0
}

/** True when an error takes the proof away: VMs may be there that we may not read, or another cluster answers. Else it holds, as all that is known. */
export function refutesAbsence(kind: KubeErrorKind): boolean {
  return kind === 'forbidden' || kind === 'replaced'
}

/** The record of a cluster that has been seen to have no KubeVirt since then, in ms; 0: it has not, or not any more. */
export function withoutKubeVirt(record: ClusterRecord, since: number): ClusterRecord {
  if (since === 0) return { ...record, no_kubevirt_since: 0, reason: 'not read yet', hint: '', cause: '' }
  const reason = 'KubeVirt is not installed there, so it has no VMs'
  const hint = 'nothing: the inventory does not wait for it, and it is watched as soon as KubeVirt is there'
  return { ...record, status: 'joining', no_kubevirt_since: since, reason, hint, cause: 'absent' }
}
