import type { HubWord } from '../../cluster/index.ts'
import type { Connection } from '../../kube/index.ts'

/** A cluster that is to be watched, and what its watch needs to know of it. */
export interface Candidate {
  readonly name: string
  readonly hub: string
  readonly connection: Connection
  readonly word: () => HubWord
  /** The ManagedClusterSets it is in now. */
  readonly sets: () => readonly string[]
}
