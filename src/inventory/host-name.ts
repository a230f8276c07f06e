import { hostName, type VmRecord } from '../vm/index.ts'

/** A part of a host name: as it stands, or a field of the VM. */
export type HostNamePart = string | { readonly field: 'name' | 'namespace' | 'cluster' | 'uid' }

/** The name that every host has where nobody says otherwise. */
export const CANONICAL: readonly HostNamePart[] = [
  { field: 'name' },
  '.',
  { field: 'namespace' },
  '.',
  { field: 'cluster' },
]

/** How hosts are called by a format. Pure. */
export function hostNamer(parts: readonly HostNamePart[]): (record: VmRecord) => string {
  if (JSON.stringify(parts) === JSON.stringify(CANONICAL)) return hostName
  return record => parts.map(part => (typeof part === 'string' ? part : record[part.field])).join('')
}
