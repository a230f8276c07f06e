/** What a limit is matched against: host names, and the hosts of each group (its children's included). */
export type Fleet = { readonly hosts: readonly string[]; readonly groups: ReadonlyMap<string, ReadonlySet<string>> }

export type Selection = {
  /** In the order of the inventory. */
  hosts: string[]
  /** Patterns that matched nothing. Ansible only warns of them. */
  unmatched: string[]
}

/**
 * The hosts that Ansible's `--limit` selects.
 *
 * pattern      | means
 * empty        | every host: a limit that is empty narrows nothing
 * a,b or a:b   | union; commas win, colons inside a comma list are part of a name
 * !a           | all selected so far but a
 * &a           | of those selected so far only a
 * ~regex       | hosts or groups that match the regular expression
 * glob * ? [x] | hosts or groups that match
 * all or *     | every host
 *
 * Exclusions and intersections are applied last, whatever their place, and start from every host when they stand alone.
 */
export function selectHosts(limit: string, fleet: Fleet): Selection {
  const patterns = splitPatterns(limit)
  if (patterns.length === 0) return { hosts: [...fleet.hosts], unmatched: [] }

  const known = new Set(fleet.hosts)
  const unmatched: string[] = []
  const matches = (pattern: string): Set<string> => {
    const found = matchPattern(pattern, fleet, known)
    if (found.size === 0) unmatched.push(pattern)
    return found
  }
  const plain = patterns.filter(pattern => !/^[!&]/.test(pattern))
  let selected = new Set(plain.length === 0 ? fleet.hosts : plain.flatMap(pattern => [...matches(pattern)]))
  for (const pattern of patterns.filter(each => each.startsWith('&'))) {
    selected = selected.intersection(matches(pattern.slice(1)))
  }
  for (const pattern of patterns.filter(each => each.startsWith('!'))) {
    selected = selected.difference(matches(pattern.slice(1)))
  }
  return { hosts: fleet.hosts.filter(host => selected.has(host)), unmatched }
}

function splitPatterns(limit: string): string[] {
  const parts = limit.includes(',') ? limit.split(',') : limit.split(/:(?![^[]*\])/)
  return parts.map(part => part.trim()).filter(part => part !== '')
}

function matchPattern(pattern: string, { hosts, groups }: Fleet, known: ReadonlySet<string>): Set<string> {
  if (pattern === 'all' || pattern === '*') return new Set(known)
  const found = new Set<string>()
  const addGroup = (members: ReadonlySet<string> | undefined): void => {
    for (const host of members ?? []) if (known.has(host)) found.add(host)
  }
  // Nearly every pattern is a plain name, of a limit that may hold thousands: those are looked up, not compared with everything.
  if (!/^~|[*?[]/.test(pattern)) {
    addGroup(groups.get(pattern))
    if (known.has(pattern)) found.add(pattern)
    return found
  }
  const expression = pattern.startsWith('~') ? new RegExp(`^(?:${pattern.slice(1)})`) : globExpression(pattern)
  for (const [name, members] of groups) if (expression.test(name)) addGroup(members)
  for (const host of hosts) if (expression.test(host)) found.add(host)
  return found
}

function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/\[!?[^\]]+\]|[\s\S]/g, part => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length > 1) return part.replace('[!', '[^')
    return part.replace(/[.+^${}()|[\]\\]/, '\\$&')
  })
  return new RegExp(`^${source}$`)
}
