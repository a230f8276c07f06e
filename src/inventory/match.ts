import { meets, type Requirement } from '../cluster/label.ts'
import { labelsOf, mayHave, type VmRecord } from '../vm/index.ts'

/** What a VM must be. An empty list does not narrow it; all that is said must hold. */
export interface Match {
  readonly clusters: readonly string[]
  /** ManagedClusterSets, of which its cluster must be in one. */
  readonly clusterSets: readonly string[]
  readonly namespaces: readonly string[]
  readonly labels: readonly Requirement[]
  /** Families, or ids that guests tell. */
  readonly os: readonly string[]
}

/** Every reason why a VM is not where it must be; `clusterSets`: those of its cluster, undefined while they are not known. Pure. */
export function notThere(
  match: Pick<Match, 'clusters' | 'clusterSets' | 'namespaces'>,
  record: VmRecord,
  clusterSets: readonly string[] | undefined,
): readonly string[] {
  const reasons = notAmong('cluster', record.cluster, match.clusters)
  if (match.clusterSets.length > 0 && !match.clusterSets.some(set => clusterSets?.includes(set) === true))
    reasons.push(setsOf(clusterSets))
  reasons.push(...notAmong('namespace', record.namespace, match.namespaces))
  return reasons
}

/** Every reason why a VM is not of the kind it must be. Pure. */
export function notSuch(match: Pick<Match, 'os' | 'labels'>, { seen }: VmRecord): readonly string[] {
  const reasons: string[] = []
  if (match.os.length > 0 && ![seen.os.family, seen.os.id.toLowerCase()].some(os => os !== '' && match.os.includes(os)))
    reasons.push(`its operating system is ${seen.os.id || seen.os.family || 'not known'}`)
  const labels = labelsOf(seen)
  const unmet = match.labels.filter(requirement => !meets(labels, [requirement]))
  reasons.push(...unmet.map(one => `its labels do not meet ${worded(one)}${unkept(seen, one.key)}`))
  return reasons
}

/** That the VM may have a label all the same; nothing of one of which all labels are kept. */
export function unkept(seen: VmRecord['seen'], key: string): string {
  return mayHave(seen, key) ? `; ${UNKEPT}` : ''
}

const UNKEPT = 'it has more labels than are kept, and was not read yet since that one is named'

/** That a value is none of those that are wanted; nothing when it is, or when none is said. */
export function notAmong(what: string, value: string, wanted: readonly string[]): string[] {
  return wanted.length === 0 || wanted.includes(value) ? [] : [`its ${what} is ${value || 'not known'}`]
}

/** A match in words: what must hold, one by one. */
export function wordsOf({ clusters, clusterSets, namespaces, os, labels }: Match): readonly string[] {
  const among = (what: string, wanted: readonly string[]): readonly string[] =>
    wanted.length === 0 ? [] : [`${what} ${wanted.join(' or ')}`]
  return [
    ...among('cluster', clusters),
    ...among('cluster set', clusterSets),
    ...among('namespace', namespaces),
    ...among('operating system', os),
    ...labels.map(worded),
  ]
}

function setsOf(known: readonly string[] | undefined): string {
  if (known === undefined) return 'the cluster sets of its cluster are not known'
  return known.length === 0
    ? 'its cluster is in no cluster set'
    : `its cluster is in the cluster set ${known.join(', ')}`
}

function worded({ key, operator, values }: Requirement): string {
  if (operator === 'exists') return key
  if (operator === 'gt' || operator === 'lt') return `${key}${operator === 'gt' ? '>' : '<'}${values.join()}`
  return operator === 'absent' ? `!${key}` : `${key} ${operator} (${values.join(', ')})`
}
