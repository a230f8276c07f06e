import { byText, search } from './ranges.ts'

/** The groups that one source makes, of which the first by name are admitted: the same, whatever came first. */
export class GroupCap {
  readonly #most: number
  readonly #hosts = new Map<string, number>()
  /** In order. */
  readonly #groups: string[] = []
  /** The last that is admitted; null: all are. */
  #last: string | null = null

  constructor(most: number) {
    this.#most = most
  }

  /** True while there are more than are admitted. */
  get reached(): boolean {
    return this.#groups.length > this.#most
  }

  /** True when others are to be admitted than are. */
  get unsettled(): boolean {
    return this.#due() !== this.#last
  }

  /** Whether a group is admitted, as of the last `settle`. */
  admits(group: string): boolean {
    return this.#last === null || byText(group, this.#last) <= 0
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

  /** Admits those that are to be admitted; gives what was true before. */
  settle(): (group: string) => boolean {
    const last = this.#last
    this.#last = this.#due()
    return group => last === null || byText(group, last) <= 0
  }

  #due(): string | null {
    return this.reached ? (this.#groups[this.#most - 1] ?? '') : null
  }
}
