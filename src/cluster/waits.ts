import { nextDue, type VmRecord } from '../vm/index.ts'

/** Of which VMs something waits to be told, and until when: so that nobody looks through all of them for the few that are due. */
export class Waits {
  readonly #due = new Map<string, number>()

  /** The record of a VM as it is now; null when it is gone. */
  note(key: string, record: VmRecord | null): void {
    const due = record === null ? null : nextDue(record)
    if (due === null) this.#due.delete(key)
    else this.#due.set(key, due)
  }

  /** When the first is due, or null. */
  next(): number | null {
    let next: number | null = null
    for (const due of this.#due.values()) if (next === null || due < next) next = due
    return next
  }

  /** The VMs of which something has waited long enough, in the order in which they began to. */
  until(now: number): readonly string[] {
    return [...this.#due].filter(([, due]) => due <= now).map(([key]) => key)
  }
}
