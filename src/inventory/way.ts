import type { VmRecord } from '../vm/index.ts'
import { type Approach, reachOf, USUAL_APPROACH, variablesTo } from './approach.ts'
import { connectionOf } from './connection.ts'
import { ansibleVars } from './connection-variable.ts'

/** Variables of the connection that lead to a guest, by name: who has all of them as they are here reaches it. */
export type Way = Readonly<Record<string, string | number>>

/** What of a connection says whom it leads to, by how it goes. Of a Service many guests may share the address, and the port tells them apart. */
const LEADING = {
  address: ['ansible_host'],
  service: ['ansible_host', 'ansible_port'],
  port_forward: ['ansible_host', 'ansible_ssh_common_args'],
} as const

/**
 * Every way that leads to a guest as it is known now, by any of the approaches: what a job may be told of how to reach it. None while it
 * can not be reached by any. Pure.
 */
export function waysTo(record: VmRecord, approaches: readonly Approach[] = [USUAL_APPROACH]): readonly Way[] {
  const ways = approaches.flatMap(approach => {
    const { reason, endpoint } = reachOf(record, { staleness: 'fresh' }, approach)
    if (reason !== '' || endpoint.host === '') return []
    const { via } = connectionOf(record, approach.connection)
    const vars = ansibleVars(variablesTo(record, approach, endpoint))
    return [Object.fromEntries(LEADING[via].flatMap(name => (name in vars ? [[name, vars[name]]] : [])))]
  })
  return [...new Map(ways.map(way => [JSON.stringify(way), way as Way])).values()]
}
