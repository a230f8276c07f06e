import { isDue, type VmRecord, type Wait, waitOf } from '../vm/index.ts'

/** Of which VMs something waits to be told, and until when: so that nobody looks through all of them for the few that are due. */
export class Waits {
  readonly #waits = new Map<string, Wait>()

  /** The record of a VM as it is now; null when it is gone. */
  note(key: string, record: VmRecord | null): void {
    const wait = record === null ? null : waitOf(record)
    if (wait === null) this.#waits.delete(key)
    else this.#waits.set(key, wait)
  }

  /** When the first is due, or null. */
  next(): number | null {
    let next: number | null = null
    for (const { due } of this.#waits.values()) if (next === null || due < next) next = due
    return next
  }

  /** The VMs of which something has waited long enough, or since after now (the clock was put back), in the order in which they began to. */
  until(now: number): readonly string[] {
    return [...this.#waits].filter(([, wait]) => isDue(wait, now)).map(([key]) => key)
  }
}
