import type { Finding } from './finding.ts'

/** Which names and identities clusters have, over the whole configuration: both must be unique. */
export class Roll {
  readonly #names = new Map<string, string>()
  readonly #identities = new Map<string, string>()

  /** Enters a name; a finding when another has it. `whose` says where it comes from. */
  name(name: string, whose: string): Finding | null {
    const other = this.#names.get(name)
    if (other === undefined) {
      this.#names.set(name, whose)
      return null
    }
    const detail = `"${name}" is the name of another one here, of ${other}: it would not be watched`
    const hint = `give it a name of its own under hubs[].aliases of ${whose}`
    return { what: `cluster ${name} of ${whose}`, result: 'fail', detail, hint }
  }

  /** Enters who a cluster is; a finding when it is there under another name. */
  identity(uid: string, name: string): Finding | null {
    const other = this.#identities.get(uid) ?? name
    this.#identities.set(uid, other)
    if (other === name) return null
    const detail = `it is the same cluster as ${other}: only one of the two is watched`
    const hint = 'take one of the two out of the configuration or of the selection of its hub'
    return { what: `cluster ${name}`, result: 'warn', detail, hint }
  }
}

/** What the checks of clusters and hubs share. */
export interface Round {
  readonly roll: Roll
  readonly signal: AbortSignal
  /** Services are to be watched too. */
  readonly services: boolean
  /** Hosts of this cluster may be shown by the base domain that it says. */
  readonly readsBaseDomain: (cluster: string) => boolean
}
