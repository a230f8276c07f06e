import { byText, search } from './ranges.ts'

/** The groups that one source makes, of which the first by name are admitted: the same, whatever came first. */
export class GroupCap {
  readonly #most: number
  readonly #hosts = new Map<string, number>()
  /** In order. */
  readonly #groups: string[] = []
  /** The last that is admitted; null: all are. While hosts are moved, of those that are not moved yet, and of those that are. */
  #last: string | null = null
  #next: string | null = null

  constructor(most: number) {
    this.#most = most
  }

  /** True while there are more than are admitted. */
  get reached(): boolean {
    return this.#groups.length > this.#most
  }

  /** True when others are to be admitted than are, or are about to be. */
  get unsettled(): boolean {
    return this.#due() !== this.#next
  }

  /** Whether a group is admitted: for hosts that were not moved yet, or for those that were. The same but between `begin` and `end`. */
  admits(group: string, moved: boolean): boolean {
    const last = moved ? this.#next : this.#last
    return last === null || byText(group, last) <= 0
  }

  /** One more host in the group. */
  add(group: string): void {
    const hosts = this.#hosts.get(group) ?? 0
    this.#hosts.set(group, hosts + 1)
    if (hosts === 0) this.#groups.splice(~search(this.#groups, group, byText), 0, group)
  }

  /** One host less in it. */
  remove(group: string): void {
    const hosts = this.#hosts.get(group) ?? 0
    if (hosts > 1) this.#hosts.set(group, hosts - 1)
    else {
      this.#hosts.delete(group)
      this.#groups.splice(search(this.#groups, group, byText), 1)
    }
  }

  /** From here on hosts are moved to those that are to be admitted now. */
  begin(): void {
    this.#next = this.#due()
  }

  /** All are moved. */
  end(): void {
    this.#last = this.#next
  }

  #due(): string | null {
    return this.reached ? (this.#groups[this.#most - 1] ?? '') : null
  }
}
