/** What put so many hosts into a group. */
interface Sole {
  readonly because: string
  readonly hosts: number
}

/**
 * What puts hosts into groups whose names are made of values. Different values may come to one name (`a.b` and `A-b`, as names are of a fixed
 * alphabet): a job on such a group has hosts that nobody meant.
 */
export class GroupOrigins {
  readonly #by = new Map<string, Sole | Map<string, number>>()

  /** One more host, and why it is there. True when the group comes to have hosts for different reasons. */
  add(group: string, because: string): boolean {
    const known = this.#by.get(group)
    if (known instanceof Map) known.set(because, (known.get(because) ?? 0) + 1)
    else if (known === undefined || known.because === because)
      this.#by.set(group, { because, hosts: (known?.hosts ?? 0) + 1 })
    else {
      this.#by.set(
        group,
        new Map([
          [known.because, known.hosts],
          [because, 1],
        ]),
      )
      return true
    }
    return false
  }

  /** One host less. */
  remove(group: string, because: string): void {
    const known = this.#by.get(group)
    if (known === undefined) return
    if (!(known instanceof Map)) {
      if (known.hosts > 1) this.#by.set(group, { because, hosts: known.hosts - 1 })
      else this.#by.delete(group)
      return
    }
    const hosts = (known.get(because) ?? 1) - 1
    if (hosts > 0) known.set(because, hosts)
    else known.delete(because)
    const [first, second] = known
    if (first !== undefined && second === undefined) this.#by.set(group, { because: first[0], hosts: first[1] })
  }

  /** Why hosts are in a group, when they are there for different reasons: those of most hosts first. Else nothing. */
  of(group: string): readonly string[] {
    const known = this.#by.get(group)
    return known instanceof Map
      ? [...known].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([text]) => text)
      : []
  }
}
