import { readSelection } from '../cluster/index.ts'
import type { HubConfig } from '../config/index.ts'
import { connectionOf, managedConnection, ruleOf } from '../service/watch/reach.ts'
import { counted } from '../whole-number.ts'
import { checkConnection, checkVms, connect } from './cluster.ts'
import { failure, type Finding } from './finding.ts'
import { checkOptional, checkResource, clusterWide, decisionsIn } from './resource.ts'
import type { Round } from './roll.ts'

/** A hub is reached, says which clusters it selects, and each of these is reached in the way that was chosen. */
export async function* checkHub(hub: HubConfig, round: Round): AsyncIterable<Finding> {
  const what = `hub ${hub.name}`
  const { roll, signal } = round
  roll.name(hub.name, 'the configuration')
  try {
    const connection = connectionOf(hub)
    const rule = ruleOf(hub)
    await using client = connect(connection)
    yield* (await checkConnection(client, what, connection, signal)).findings
    yield await checkResource(client, what, clusterWide('managedclusters'), signal)
    if (rule.clusterSet !== '') yield await checkResource(client, what, clusterWide('managedclustersets'), signal)
    if (rule.placement !== null) yield await checkResource(client, what, decisionsIn(rule.placement.namespace), signal)
    yield await checkOptional(client, what, [clusterWide('plans')], signal)
    const nameOf = (managed: string): string => hub.aliases[managed] ?? managed
    const { clusters, unknown } = await readSelection(client, { rule, nameOf }, signal)
    yield selectionFinding(what, [...clusters.keys()], unknown)
    for (const [name, managed] of clusters) {
      const taken = roll.name(name, hub.name)
      if (taken !== null) yield taken
      const reach = (): AsyncIterable<Finding> => {
        const to = managedConnection({ hub, connection, client, signal }, () => managed)
        return checkVms(name, to, round)
      }
      if (taken === null) yield* attempt(`cluster ${name}`, reach)
    }
  } catch (error) {
    yield failure(what, error)
  }
}

function selectionFinding(of: string, names: readonly string[], unknown: string): Finding {
  const what = `${of}: selection`
  if (unknown !== '') return { what, result: 'fail', detail: unknown, hint: 'make it, or mend the name' }
  if (names.length > 0)
    return { what, result: 'ok', detail: `${counted(names.length, 'cluster')}: ${some(names)}`, hint: '' }
  const hint = 'look at hubs[].labels, cluster_set and placement; a cluster must have been accepted and have joined'
  return { what, result: 'warn', detail: 'no cluster', hint }
}

/** So many are named; the others are counted. */
const NAMED = 20

function some(names: readonly string[]): string {
  const more = names.length - NAMED
  return [...names.slice(0, NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}

async function* attempt(what: string, look: () => AsyncIterable<Finding>): AsyncIterable<Finding> {
  try {
    yield* look()
  } catch (error) {
    yield failure(what, error)
  }
}
