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

/** To Ansible the machine that it runs on, and every host: whoever got such a name would get the plays that are meant for those. */
const OF_ANSIBLE = new Set(['localhost', '127.0.0.1', 'all', 'ungrouped'])

/** How hosts are called by a format; as they are everywhere, where that would mean something else to Ansible. Pure. */
export function hostNamer(parts: readonly HostNamePart[]): (record: VmRecord) => string {
  if (JSON.stringify(parts) === JSON.stringify(CANONICAL)) return hostName
  return record => {
    const name = parts.map(part => (typeof part === 'string' ? part : record[part.field])).join('')
    return OF_ANSIBLE.has(name) ? hostName(record) : name
  }
}
