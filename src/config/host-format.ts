/** What a host name may be made of. */
const HOST_FIELDS = ['name', 'namespace', 'cluster', 'uid'] as const
export type HostField = (typeof HOST_FIELDS)[number]

/** A part of a host name: as it stands, or a field of the VM. */
export type HostNamePart = string | { readonly field: HostField }

/** How a format is written, for who wrote one that can not be read. */
export const HOST_FORMAT_HINT =
  'letters, digits, dots, dashes and underscores around {name}, {namespace}, {cluster} or {uid}, as {namespace}-{name} or {name}.vm.example.com'

/**
 * Reads the format of a host name. Throws an Error that says what is wrong: a field that there is not, a character that no host name
 * has, or nothing in it that tells one VM from another.
 */
export function parseHostFormat(format: string): readonly HostNamePart[] {
  const parts = format
    .split(/(\{[^{}]*\})/)
    .filter(part => part !== '')
    .map(part => (part.startsWith('{') && part.endsWith('}') ? fieldOf(part.slice(1, -1)) : literal(part)))
  const fields = parts.flatMap(part => (typeof part === 'string' ? [] : part.field))
  if (!fields.includes('name') && !fields.includes('uid'))
    throw new Error('it has neither {name} nor {uid}, so that all VMs would share a name')
  if (typeof parts[0] === 'string' && !/^[A-Za-z0-9]/.test(parts[0]))
    throw new Error('a host name begins with a letter or a digit')
  return parts
}

function fieldOf(name: string): HostNamePart {
  const field = HOST_FIELDS.find(one => one === name)
  if (field === undefined) throw new Error(`there is no {${name}}`)
  return { field }
}

function literal(part: string): string {
  const [odd] = /[^A-Za-z0-9_.-]/.exec(part) ?? []
  if (odd !== undefined) throw new Error(`a host name has no ${JSON.stringify(odd)}`)
  return part
}
