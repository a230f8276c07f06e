import { byText, search } from './ranges.ts'

/** The groups that one source makes, of which the first by name are admitted: the same whatever came first. */
export class GroupCap {
  readonly #most: number
  readonly #hosts = new Map<string, number>()
  /** In order. */
  readonly #groups: string[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** True while there are more than are admitted. */
  get reached(): boolean {
    return this.#groups.length > this.#most
  }

  admits(group: string): boolean {
    const last = this.#groups[this.#most - 1]
    return !this.reached || (last !== undefined && byText(group, last) <= 0)
  }

  /** One more host in the group; true when that changes which are admitted. */
  add(group: string): boolean {
    const hosts = this.#hosts.get(group) ?? 0
    this.#hosts.set(group, hosts + 1)
    return hosts === 0 && this.#moved(() => void this.#groups.splice(~search(this.#groups, group, byText), 0, group))
  }

  /** One host less; true when that changes which are admitted. */
  remove(group: string): boolean {
    const hosts = this.#hosts.get(group) ?? 0
    if (hosts > 1) this.#hosts.set(group, hosts - 1)
    else this.#hosts.delete(group)
    return hosts === 1 && this.#moved(() => void this.#groups.splice(search(this.#groups, group, byText), 1))
  }

  #moved(change: () => void): boolean {
    const [was, last] = [this.reached, this.#groups[this.#most - 1]]
    change()
    return this.reached !== was || (was && this.#groups[this.#most - 1] !== last)
  }
}
