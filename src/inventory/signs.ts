import { Naming, type Taken } from './naming.ts'

/** By which name each member of a page is shown; its own, the canonical one, where no other is wished for or can be. */
export class Signs {
  /** Null where hosts are shown by their canonical names. */
  readonly #naming: Naming | null
  readonly #warn: (host: string, because: string) => void
  /** Shown names by canonical ones, and back; where hosts are shown by those, they are not here. */
  readonly #shown = new Map<string, string>()
  readonly #canonical = new Map<string, string>()

  /** `taken`: null where hosts are shown by their canonical names. `warn` is told of each that is, although another name was wished for. */
  constructor(taken: Taken | null, warn: (host: string, because: string) => void) {
    this.#naming = taken === null ? null : new Naming(taken)
    this.#warn = warn
  }

  /** True where every host is shown by its canonical name. */
  get areCanonical(): boolean {
    return this.#naming === null
  }

  /** The canonical name of a host that is shown by this one; of none, the name itself. */
  canonicalOf(name: string): string {
    return this.#canonical.get(name) ?? name
  }

  /** The name that a member is shown by. */
  nameOf(host: string): string {
    return this.#shown.get(host) ?? host
  }

  /** Why a host is shown by its canonical name, although another was wished for; empty when it is not, or none was. */
  reasonOf(host: string): string {
    return this.#naming?.reasonOf(host) ?? ''
  }

  /** Takes in what a host wishes to be shown by, null: it goes. Gives others that may be shown otherwise now. */
  wish(host: string, name: string | null): readonly string[] {
    return this.#naming?.wish(host, name) ?? []
  }

  /** Who wishes to be shown by the name of a group. */
  whoWishes(name: string): readonly string[] {
    return this.#naming?.whoWishes(name) ?? []
  }

  /** True when a member is shown by the name that it should have. */
  isRight(host: string): boolean {
    return this.#naming === null || this.#naming.nameOf(host) === this.nameOf(host)
  }

  /** Decides the name that a member is shown by, and gives it. */
  call(host: string): string {
    if (this.#naming === null) return host
    const was = this.nameOf(host)
    if (this.#canonical.get(was) === host) this.#canonical.delete(was)
    const name = this.#naming.nameOf(host)
    if (name === host) {
      this.#shown.delete(host)
      const reason = this.#naming.reasonOf(host)
      if (reason !== '') this.#warn(host, reason)
      return host
    }
    this.#shown.set(host, name)
    this.#canonical.set(name, host)
    return name
  }

  /** A member is no more. Gives the name that it was shown by. */
  forget(host: string): string {
    const name = this.nameOf(host)
    this.#shown.delete(host)
    this.#canonical.delete(name)
    return name
  }
}
