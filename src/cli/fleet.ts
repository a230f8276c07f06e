import type { ClusterRecord } from '../cluster/index.ts'
import type { Explanation } from '../day2/index.ts'
import type { Api } from './api.ts'
import { profileLines } from './profile-lines.ts'
import { paint, table, type Terminal } from './terminal.ts'
import { chanceLines, holdingLine } from './verb-lines.ts'

interface VmSummary {
  readonly host: string
  readonly status: string
  readonly reachable: boolean
  readonly address: string
  readonly node: string
  readonly os: { readonly id: string; readonly version: string; readonly family: string }
}

/** VMs, a line each. */
export async function listVms(api: Api, json: boolean, terminal: Terminal): Promise<void> {
  const vms: VmSummary[] = []
  let after = ''
  do {
    const page = (await api.get(`/api/v1/vms?limit=5000&after=${encodeURIComponent(after)}`)) as {
      vms: VmSummary[]
      next: string
    }
    vms.push(...page.vms)
    after = page.next
  } while (after !== '')
  if (json) return terminal.out(JSON.stringify(vms))
  const rows = vms.map(vm => [
    vm.host,
    vm.status,
    vm.reachable ? 'yes' : 'no',
    vm.address,
    `${vm.os.id || vm.os.family} ${vm.os.version}`.trim(),
    vm.node,
  ])
  terminal.out(table(['HOST', 'STATUS', 'REACHABLE', 'ADDRESS', 'OS', 'NODE'], rows))
  if (rows.length === 0) terminal.err('no VM is known: virtbridge clusters says what was read, and why not')
}

/** Clusters, a line each, with what is wrong and what to do. */
export async function listClusters(api: Api, json: boolean, terminal: Terminal): Promise<void> {
  const { clusters } = (await api.get('/api/v1/clusters')) as { clusters: ClusterRecord[] }
  if (json) return terminal.out(JSON.stringify(clusters))
  const rows = clusters.map(cluster => [
    cluster.name,
    cluster.hub,
    cluster.status,
    String(cluster.vms),
    [cluster.reason, cluster.hint, burstOf(cluster), hubSays(cluster), unreadIn(cluster)]
      .filter(text => text !== '')
      .join('; '),
  ])
  terminal.out(table(['CLUSTER', 'HUB', 'STATUS', 'VMS', 'WHY'], rows))
}

function burstOf({ name, burst = null }: ClusterRecord): string {
  return burst === null
    ? ''
    : `${burst.count} deletions of a burst wait for a person: virtbridge confirm-deletions ${name}`
}

/** What may not be read is worth a look, and what is not installed is not. */
function unreadIn({ not_read = [] }: ClusterRecord): string {
  const forbidden = not_read.filter(one => one.endsWith(': forbidden')).map(one => one.split(':')[0])
  return forbidden.length === 0 ? '' : `may not be read, and is not known: ${forbidden.join(', ')}`
}

/** A word of the hub that does not fit what we see is worth a look. */
function hubSays({ hub_says: word, hub }: ClusterRecord): string {
  if (word === 'ill') return `${hub} says that its API server is not available`
  return word === 'silent' ? `${hub} has not heard of its agent for some minutes` : ''
}

/** Why a VM is as it is. */
export async function printExplanation(api: Api, host: string, json: boolean, terminal: Terminal): Promise<void> {
  const found = (await api.get(`/api/v1/explain/${encodeURIComponent(host)}`)) as Explanation
  if (json) return terminal.out(JSON.stringify(found))
  const mark = (yes: boolean): string => (yes ? paint(terminal, 'green', 'yes') : paint(terminal, 'red', 'no'))
  const lines = [
    `${paint(terminal, 'bold', found.host)}  uid ${found.uid}`,
    `known since     ${found.known_since}${found.adopted ? ', there before its cluster was adopted' : ''}`,
    `cluster         ${found.cluster.name}: ${found.cluster.status}, ${found.cluster.staleness}${found.cluster.reason === '' ? '' : ` (${found.cluster.reason})`}`,
    `enabled         ${mark(found.inventory.enabled)}: ${found.inventory.because}`,
    `launch now      ${mark(found.launch.possible)}: ${found.launch.because}`,
    ...chanceLines(found, mark),
    ...holdingLine(found.held_by),
    `onboard by self ${mark(found.onboard.due)}: ${found.onboard.because}`,
    ...(found.profile === null ? [] : profileLines(found.profile)),
    ...found.verbs.map(
      verb =>
        `${verb.verb.padEnd(15)} ${verb.status}${verb.detail === '' ? '' : `: ${verb.detail}`} (run ${verb.run}, by ${verb.asked_by}, ${new Date(verb.at).toISOString()})`,
    ),
    ...found.waiting.map(waiting => `waits           ${waiting.fact} until ${waiting.until}`),
    `last event      ${found.last_event}`,
  ]
  terminal.out(lines.join('\n'))
}
