import { byText, numberOf, type Order, type Range, search } from './ranges.ts'

/** A host in so many begins a range, by its name alone. */
const HOSTS_A_RANGE = 256

/** Hosts by name. */
export const BY_NAME: Order<string> = { compare: byText, opens: host => numberOf(host) % HOSTS_A_RANGE === 0 }

/** Hosts as they were in a document, for what is compared with it later. Never changed. */
export interface HostList {
  /** In order. */
  readonly hosts: readonly string[]
  /** Of each host: another number when its variables or groups have changed. */
  readonly revisions: Float64Array
}

/** Neighbours by name. What they are given away in (`hosts`) is never changed: a change makes another list. */
export class HostRange implements Range<string> {
  #hosts: string[] = []
  #given = false

  get first(): string | undefined {
    return this.#hosts[0]
  }

  /** In order. */
  get hosts(): readonly string[] {
    this.#given = true
    return this.#hosts
  }

  has(host: string): boolean {
    return search(this.#hosts, host, byText) >= 0
  }

  add(host: string): boolean {
    const index = search(this.#hosts, host, byText)
    if (index >= 0) return false
    this.own().splice(~index, 0, host)
    return true
  }

  remove(host: string): boolean {
    const index = search(this.#hosts, host, byText)
    if (index < 0) return false
    this.own().splice(index, 1)
    return true
  }

  split(host: string): HostRange {
    const next = this.another()
    next.#hosts = this.own().splice(search(this.#hosts, host, byText))
    return next
  }

  join(next: HostRange): void {
    this.own().push(...next.#hosts)
  }

  /** An empty one of the same kind. */
  protected another(): HostRange {
    return new HostRange()
  }

  /** The hosts, to change them. */
  protected own(): string[] {
    if (this.#given) this.#hosts = [...this.#hosts]
    this.#given = false
    return this.#hosts
  }
}
