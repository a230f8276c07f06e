import { dict, list, text } from '../vm/raw.ts'
import { meets, type Requirement } from './label.ts'

/**
 * What its hub says of a cluster: it is well, its agent says that its API server is not, or nothing was heard of its agent for some
 * minutes. Empty when the hub does not say. A hub that was away says `silent` of all, so it is a word, and no fact.
 */
export type HubWord = 'well' | 'ill' | 'silent' | ''

/** What is kept of a ManagedCluster (cluster.open-cluster-management.io/v1). */
export interface ManagedCluster {
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly accepted: boolean
  readonly joined: boolean
  readonly word: HubWord
  /** Where its API server is for those who reach it themselves; empty when it does not say. `ca` in PEM. */
  readonly url: string
  readonly ca: string
}

const WORDS = new Map<unknown, HubWord>([
  ['True', 'well'],
  ['False', 'ill'],
  ['Unknown', 'silent'],
])

/** A ManagedCluster as the hub sends it → the fields we keep. Never throws: what is missing or odd is empty. */
export function projectManagedCluster(object: unknown): ManagedCluster {
  const cluster = dict(object)
  const meta = dict(cluster['metadata'])
  const spec = dict(cluster['spec'])
  const statusOf = conditionsOf(dict(cluster['status'])['conditions'])
  const [reach = {}] = list(spec['managedClusterClientConfigs']).map(dict)
  return {
    name: text(meta['name']),
    uid: text(meta['uid']),
    labels: dict(meta['labels']) as Record<string, string>,
    accepted: spec['hubAcceptsClient'] === true,
    joined: statusOf('ManagedClusterJoined') === 'True',
    word: WORDS.get(statusOf('ManagedClusterConditionAvailable')) ?? '',
    url: text(reach['url']),
    ca: Buffer.from(text(reach['caBundle']), 'base64').toString('utf8'),
  }
}

function conditionsOf(raw: unknown): (type: string) => unknown {
  const conditions = list(raw).map(dict)
  return type => conditions.find(condition => condition['type'] === type)?.['status']
}

/** Which of its clusters a hub is asked for: all that is said must hold. */
export interface Choice {
  readonly labels: readonly Requirement[]
  /** What the clusters of the set are known by; null when no set was asked for. */
  readonly set: readonly Requirement[] | null
  /** Whom the placement chose; null when no placement was asked for. */
  readonly placed: ReadonlySet<string> | null
}

/**
 * True when its VMs are to be watched. Pure.
 *
 * | accepted by the hub, and joined | has the labels | in the set | chosen by the placement | |
 * |---|---|---|---|---|
 * | no  | any | any | any | not selected |
 * | yes | no, or no to any of the others that was asked | | | not selected |
 * | yes | yes | yes, or not asked | yes, or not asked | selected, whatever the hub says of its health |
 */
export function isSelected(cluster: ManagedCluster, { labels, set, placed }: Choice): boolean {
  if (!cluster.accepted || !cluster.joined || !meets(cluster.labels, labels)) return false
  return (set === null || meets(cluster.labels, set)) && (placed === null || placed.has(cluster.name))
}
