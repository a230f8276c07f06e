import type { FleetView } from '../fleet/index.ts'
import { counted } from '../whole-number.ts'
import type { Run, RunHost } from './run.ts'

/** How much may be under way at once. */
export interface Caps {
  readonly jobs: number
  readonly jobsPerTemplate: number
  readonly hostsPerCluster: number
  readonly hostsPerNode: number
}

/** What jobs weigh on: jobs by template, hosts by cluster and by the node that they run on. */
export interface Load {
  readonly jobs: number
  readonly ofTemplate: ReadonlyMap<string, number>
  readonly ofCluster: ReadonlyMap<string, number>
  readonly ofNode: ReadonlyMap<string, number>
}

/** Where a VM runs; empty when that is not known. */
export type NodeOf = (key: string) => string

/** Nodes are named by cluster: two may have one of the same name. */
export function nodesOf(fleet: Pick<FleetView, 'vms'>): NodeOf {
  return key => {
    const record = fleet.vms.get(key)
    return record === undefined || record.seen.node === '' ? '' : `${record.cluster}/${record.seen.node}`
  }
}

/** A job of it runs, or may. What others launched takes no place of a job, but its hosts are under way. */
function inFlight(run: Run): boolean {
  return run.status === 'posting' || run.status === 'searching' || run.status === 'following'
}

/** What is under way; `all`: with what waits for its launch. Pure. */
export function loadOf(runs: Iterable<Run>, nodeOf: NodeOf, all = false): Load {
  const [ofTemplate, ofCluster, ofNode] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ]
  let jobs = 0
  for (const run of runs) {
    if (!all && !inFlight(run)) continue
    if (run.external === undefined) {
      jobs += 1
      add(ofTemplate, run.template)
    }
    for (const host of run.hosts) weigh(host, ofCluster, ofNode, nodeOf)
  }
  return { jobs, ofTemplate, ofCluster, ofNode }
}

/** Why a job must wait for others to end, in one phrase; empty when it need not. Pure. */
export function noRoom(wish: Pick<Run, 'template' | 'hosts'>, load: Load, caps: Caps, nodeOf: NodeOf): string {
  if (load.jobs >= caps.jobs) return areInFlight(caps.jobs)
  if ((load.ofTemplate.get(wish.template) ?? 0) >= caps.jobsPerTemplate)
    return areInFlight(caps.jobsPerTemplate, ` of ${wish.template}`)
  const room = rooms(load, caps)
  for (const host of wish.hosts) {
    const full = room.take(host, nodeOf)
    if (full !== '') return full
  }
  return ''
}

/** That so many jobs are, in one phrase. `which` begins with a space. */
export function areInFlight(jobs: number, which = ''): string {
  return `${counted(jobs, 'job')}${which} ${jobs === 1 ? 'is' : 'are'} in flight`
}

/** Planned runs that must wait for others to end, and why: the oldest go first, each as if it were on its way for those behind it. Pure. */
export function waitingFor(runs: readonly Run[], caps: Caps, nodeOf: NodeOf): ReadonlyMap<Run, string> {
  const going = runs.filter(run => run.status !== 'planned')
  // One that is to end needs no room for it.
  const planned = runs
    .filter(run => run.status === 'planned' && run.cancel === undefined)
    .sort((a, b) => a.created_at - b.created_at)
  const waiting = new Map<Run, string>()
  let load = loadOf(going, nodeOf)
  for (const run of planned) {
    const full = noRoom(run, load, caps, nodeOf)
    if (full !== '') {
      waiting.set(run, full)
      continue
    }
    going.push({ ...run, status: 'posting' })
    load = loadOf(going, nodeOf)
  }
  return waiting
}

/**
 * As many of these hosts as have room beside what is under way; of the others, why not. With an empty load: those that could ever run in
 * one job. Pure.
 */
export function fitting(
  hosts: readonly RunHost[],
  load: Pick<Load, 'ofCluster' | 'ofNode'>,
  caps: Pick<Caps, 'hostsPerCluster' | 'hostsPerNode'>,
  nodeOf: NodeOf,
): { fit: readonly RunHost[]; full: ReadonlyMap<string, string> } {
  const room = rooms(load, caps)
  const fit: RunHost[] = []
  const full = new Map<string, string>()
  for (const host of hosts) {
    const why = room.take(host, nodeOf)
    if (why === '') fit.push(host)
    else full.set(host.host, why)
  }
  return { fit, full }
}

/** Nothing is under way. */
export const NO_LOAD: Load = { jobs: 0, ofTemplate: new Map(), ofCluster: new Map(), ofNode: new Map() }

function rooms(
  load: Pick<Load, 'ofCluster' | 'ofNode'>,
  caps: Pick<Caps, 'hostsPerCluster' | 'hostsPerNode'>,
): { take(host: RunHost, nodeOf: NodeOf): string } {
  const [ofCluster, ofNode] = [new Map(load.ofCluster), new Map(load.ofNode)]
  return {
    take(host, nodeOf) {
      const [cluster, node] = [clusterOf(host), nodeOf(host.key)]
      if ((ofCluster.get(cluster) ?? 0) >= caps.hostsPerCluster)
        return `cluster ${cluster} has ${counted(caps.hostsPerCluster, 'host')} under way`
      if (node !== '' && (ofNode.get(node) ?? 0) >= caps.hostsPerNode)
        return `node ${node} has ${counted(caps.hostsPerNode, 'host')} under way`
      weigh(host, ofCluster, ofNode, nodeOf)
      return ''
    },
  }
}

function weigh(host: RunHost, ofCluster: Map<string, number>, ofNode: Map<string, number>, nodeOf: NodeOf): void {
  add(ofCluster, clusterOf(host))
  const node = nodeOf(host.key)
  if (node !== '') add(ofNode, node)
}

function clusterOf({ key }: RunHost): string {
  return key.split('/')[0] ?? ''
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
