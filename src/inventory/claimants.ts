/** Who claims each place. Most are claimed by one host, which costs no set. */
export class Claimants {
  readonly #hosts = new Map<string, string | Set<string>>()

  /** The only one who claims it; empty when nobody does, or several do. */
  soleOf(place: string): string {
    const known = this.#hosts.get(place)
    return typeof known === 'string' ? known : ''
  }

  /** Those who contend for it; null when none or one claims it. */
  rivalsOf(place: string): ReadonlySet<string> | null {
    const known = this.#hosts.get(place)
    return known === undefined || typeof known === 'string' ? null : known
  }

  add(place: string, host: string): void {
    const known = this.#hosts.get(place)
    if (known === undefined) this.#hosts.set(place, host)
    else if (typeof known === 'string') this.#hosts.set(place, new Set([known, host]))
    else known.add(host)
  }

  remove(place: string, host: string): void {
    const known = this.#hosts.get(place)
    if (known === host) this.#hosts.delete(place)
    if (known === undefined || typeof known === 'string') return
    known.delete(host)
    const [first, second] = known
    if (first !== undefined && second === undefined) this.#hosts.set(place, first)
  }
}
