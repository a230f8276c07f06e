import type { Observed } from '../kube/index.ts'
import type { DiskPart, VmPart } from '../vm/index.ts'

/** The DataVolumes of a cluster that are in trouble, by whose disk they make. While they can not be read, what was known of them stays. */
export class Disks {
  readonly #troubled = new Map<string, DiskPart>()
  readonly #ofOwner = new Map<string, Set<string>>()
  #listed = false

  /** They were listed once. */
  get known(): boolean {
    return this.#listed
  }

  /** Takes in what a reflector said; false when that changes nothing. */
  take(observed: Observed<DiskPart>): boolean {
    if (observed.kind === 'listed' || observed.kind === 'audited') {
      this.#troubled.clear()
      this.#ofOwner.clear()
      for (const part of observed.objects.values()) this.#put(part)
      this.#listed = true
      return true
    }
    if (observed.kind === 'changed' || observed.kind === 'gone') {
      const before = this.#troubled.get(observed.object.key)
      if (before !== undefined) this.#drop(before)
      if (observed.kind === 'changed') this.#put(observed.object)
      return (before?.trouble ?? '') !== (this.#troubled.get(observed.object.key)?.trouble ?? '')
    }
    return false
  }

  /** What is wrong with a disk of a VM, the first by name; empty when nothing is, null while they were never listed. */
  troubleOf({ uid, namespace, rootClaim }: Pick<VmPart, 'uid' | 'namespace' | 'rootClaim'>): string | null {
    if (!this.#listed) return null
    if (this.#troubled.size === 0) return ''
    const keys = [...(this.#ofOwner.get(uid) ?? []), `${namespace}/${rootClaim}`]
    const troubles = keys.map(key => this.#troubled.get(key)?.trouble ?? '').filter(trouble => trouble !== '')
    return troubles.sort()[0] ?? ''
  }

  #put(part: DiskPart): void {
    if (part.trouble === '') return
    this.#troubled.set(part.key, part)
    this.#ofOwner.set(part.owner, (this.#ofOwner.get(part.owner) ?? new Set()).add(part.key))
  }

  #drop(part: DiskPart): void {
    this.#troubled.delete(part.key)
    const keys = this.#ofOwner.get(part.owner)
    keys?.delete(part.key)
    if (keys?.size === 0) this.#ofOwner.delete(part.owner)
  }
}
