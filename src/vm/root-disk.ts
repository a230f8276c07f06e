import { dict, type Json, list, text } from './raw.ts'

/**
 * The name of the claim (PVC) of the disk that a machine boots from; empty when none of its disks has one.
 *
 * `spec` is that of a VMI or of a VM's template. Of the disks that have a claim it is the one with the lowest bootOrder, else the
 * first: a CD-ROM or a container disk may come before it. A DataVolume has the claim of its own name (CDI).
 */
export function rootClaim(spec: Json): string {
  const claims = new Map(
    list(spec['volumes'])
      .map(dict)
      .map(volume => [text(volume['name']), claimOf(volume)]),
  )
  const disks = list(dict(dict(spec['domain'])['devices'])['disks'])
    .map(dict)
    .filter(disk => disk['cdrom'] === undefined && (claims.get(text(disk['name'])) ?? '') !== '')
  const first = disks.reduce<Json | null>(
    (best, disk) => (best === null || order(disk) < order(best) ? disk : best),
    null,
  )
  if (first !== null) return claims.get(text(first['name'])) ?? ''
  // A volume without a disk of its name is a disk all the same: KubeVirt adds it.
  return disksAreNamed(spec) ? '' : ([...claims.values()].find(claim => claim !== '') ?? '')
}

/**
 * The name of the claim from which the claim `root` was copied while its guest ran (volume migration); empty when the VM does not say.
 *
 * KubeVirt writes it as the copy begins, and leaves it there for as long as the VM asks for copies and has not gone back to what it had.
 * A boot from a copy that was cut off is refused until a person has mended it (pkg/virt-controller/watch/vm/vm.go
 * `handleVolumeUpdateRequest`, `startVMI`), so that whatever has booted from it had all of it.
 */
export function copiedFrom(status: Json, root: string): string {
  const copies = list(dict(dict(status['volumeUpdateState'])['volumeMigrationState'])['migratedVolumes']).map(dict)
  const copy = copies.find(one => root !== '' && dict(one['destinationPVCInfo'])['claimName'] === root)
  return text(dict(copy?.['sourcePVCInfo'])['claimName'])
}

function disksAreNamed(spec: Json): boolean {
  return list(dict(dict(spec['domain'])['devices'])['disks']).length > 0
}

function claimOf(volume: Json): string {
  return text(dict(volume['dataVolume'])['name']) || text(dict(volume['persistentVolumeClaim'])['claimName'])
}

function order(disk: Json): number {
  const value = disk['bootOrder']
  return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER
}
