import { plainText } from '../event/index.ts'
import { dict, type Json, list, text } from './raw.ts'

/** What is kept of a DataVolume (cdi.kubevirt.io/v1beta1): whose disk it makes, and what keeps it from that. */
export interface DiskPart {
  /** Also that of its claim: CDI gives it the same name. */
  readonly key: string
  /** `namespace/name` and uid of the VM whose template it is of; empty when it is of none. */
  readonly vm: string
  readonly owner: string
  /** Its name and what went wrong; empty while nothing did. That it is not filled yet is no trouble. */
  readonly trouble: string
}

/** Whether it takes longer than usual is not known; an error that CDI tries again counts for as long as it says so. */
const RUNNING_ERRORS = ['Error', 'ImagePullFailed']
const BOUND_ERRORS = ['ErrExceededQuota', 'ErrClaimNotValid']

/**
 * A DataVolume as the API sends it → the fields we keep. Never throws. Its progress, phases and heartbeats are left out: they change every
 * few seconds and say nothing that its VM does not.
 *
 * | it says                                                  | trouble                  |
 * |----------------------------------------------------------|--------------------------|
 * | phase Failed                                             | what a condition says, or Failed |
 * | Running is False, for Error or ImagePullFailed           | what that says           |
 * | Bound is not True, for ErrExceededQuota or ErrClaimNotValid | what that says        |
 * | anything else, WaitForFirstConsumer too                  | -                        |
 *
 * The first two make KubeVirt say DataVolumeError of the VM (pkg/storage/types/dv.go `HasDataVolumeErrors`), without a word of why; of a
 * quota it says nothing, and the VM is Provisioning for ever.
 */
export function projectDisk(object: unknown): DiskPart {
  const meta = dict(dict(object)['metadata'])
  const status = dict(dict(object)['status'])
  const namespace = text(meta['namespace'])
  const name = text(meta['name'])
  const owner = list(meta['ownerReferences'])
    .map(dict)
    .find(reference => reference['kind'] === 'VirtualMachine')
  const why = troubleOf(status)
  return {
    key: `${namespace}/${name}`,
    vm: owner === undefined ? '' : `${namespace}/${text(owner['name'])}`,
    owner: text(owner?.['uid']),
    trouble: why === '' ? '' : plainText(`${name}: ${why}`),
  }
}

function troubleOf(status: Json): string {
  const conditions = list(status['conditions']).map(dict)
  const found = (type: string, reasons: readonly string[]): Json | undefined =>
    conditions.find(one => one['type'] === type && one['status'] !== 'True' && reasons.includes(text(one['reason'])))
  const condition = found('Running', RUNNING_ERRORS) ?? found('Bound', BOUND_ERRORS)
  const said = text(condition?.['message']) || text(condition?.['reason'])
  return said !== '' || status['phase'] !== 'Failed' ? said : 'Failed'
}
