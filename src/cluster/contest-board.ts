import type { Contests } from '../vm/index.ts'

/** Says who has whose address in all clusters, and of which VMs that changed. */
export interface ContestBoard extends Contests {
  /** Begins to collect the keys of VMs of a cluster whose contest changes, and tells when some did; whoever reads takes them out of the set. */
  read(cluster: string, onChange: () => void): { readonly changed: Set<string> } & Disposable
}
