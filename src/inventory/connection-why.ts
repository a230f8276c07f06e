import type { VmRecord } from '../vm/index.ts'
import { addressesOf } from './address.ts'
import { type Approach, reachOf, type Sight, variablesTo } from './approach.ts'
import { type Connection, connectionOf, USUAL_CONNECTION } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import type { ConnectionEntry, ConnectionVariable, GivenVariable } from './connection-variable.ts'
import { unkept } from './match.ts'
import { areKnown, givenVariables, saidBy } from './given-variable.ts'

/** Where the variables of a connection come from. */
export interface ConnectionWhy {
  /** In the order of the host's variables. */
  readonly connection: readonly VariableWhy[]
  /** Labels and annotations that are listed, and give nothing. */
  readonly not_given: readonly { readonly variable: string; readonly because: string }[]
}

export interface VariableWhy {
  readonly name: string
  readonly value: string | number | null
  readonly because: string
  /** What gave it too and does not count, the next best first. */
  readonly over: readonly string[]
}

/** Says of each variable of the connection, as the host has it by this approach, what gave it. Pure. */
export function connectionWhy(record: VmRecord, sight: Sight, approach: Approach): ConnectionWhy {
  const { endpoint } = reachOf(record, sight, approach)
  const byName = Map.groupBy(variablesTo(record, approach, endpoint), ({ name }) => name)
  const explained = [...byName].flatMap(([name, said]) => {
    const becauseOf = (variable: ConnectionVariable): string => giverOf(record, variable, approach, endpoint)
    const [best, ...over] = [...said].reverse()
    if (best === undefined) return []
    return [{ name, value: best.value, because: becauseOf(best), over: over.map(becauseOf) }]
  })
  return { connection: explained, not_given: notGiven(record, approach.variables) }
}

function giverOf(record: VmRecord, { from }: ConnectionVariable, approach: Approach, endpoint: Endpoint): string {
  if (typeof from !== 'string') return `its ${nameOf(from)}, by variables.${approach.variables.indexOf(from)}`
  return from === 'via' ? placeOf(record, approach, endpoint) : settingOf(record, from, approach.connection)
}

/** `label KEY` or `annotation KEY`. */
function nameOf({ label, annotation }: GivenVariable): string {
  return label === undefined ? `annotation ${annotation ?? ''}` : `label ${label}`
}

/** Which entry of `connection` a guest is reached by. */
function systemOf(record: VmRecord, connection: Connection): keyof Connection {
  return connectionOf(record, connection) === connection.windows ? 'windows' : 'linux'
}

function settingOf(record: VmRecord, entry: Exclude<ConnectionEntry, 'via'>, connection: Connection): string {
  const system = systemOf(record, connection)
  const path = `connection.${system}.${entry}`
  // It is a form, and the variable has what comes of it.
  if (entry === 'kerberos_name') return path
  const said = { ...connection.windows, ...connection[system] }[entry]
  return `${path} is ${said}${said === USUAL_CONNECTION.windows[entry] ? ', its default' : ''}`
}

/** What `via` leads to. */
function placeOf(record: VmRecord, approach: Approach, { host, via }: Endpoint): string {
  const path = `connection.${systemOf(record, approach.connection)}`
  if (via === 'port_forward') return `${path}.via is port_forward: through the API server of its cluster`
  if (via.startsWith('service ')) {
    const service = (record.services ?? []).find(({ name }) => via === `service ${name}`)
    const place = service?.ingress.includes(host) === true ? 'its load balancer' : 'a port of the node of the guest'
    return `${path}.via is service: ${service?.name ?? ''}, by ${place}`
  }
  const { address, by } = approach.choose(record)
  const own = addressWords(record, address, by)
  return host === address ? own : `${path}.dns_name, as it has ${own}`
}

function addressWords(record: VmRecord, address: string, by: string | undefined): string {
  const entry = addressesOf(record).find(one => one.address === address)
  const chosen = by === undefined ? '' : `, by ${by}`
  const isSeen = record.seen.addresses.some(one => one.address === address)
  const network = entry === undefined || entry.network === '' ? 'of no network' : `of the network ${entry.network}`
  const where = isSeen ? network : 'that was told of it last'
  const giver = entry?.source === 'platform' ? 'the platform' : 'its guest agent'
  return `the address ${address} ${where}, from ${giver}${chosen}`
}

function notGiven(record: VmRecord, listed: readonly GivenVariable[]): ConnectionWhy['not_given'] {
  const given = new Set<unknown>(givenVariables(record, listed).map(({ from }) => from))
  return listed
    .filter(one => !given.has(one))
    .map(one => ({ variable: one.variable, because: whyNothing(record, one) }))
}

function whyNothing(record: VmRecord, one: GivenVariable): string {
  const said = saidBy(record, one)
  if (said !== '') return `its ${nameOf(one)} is "${said}", and that can not be`
  return areKnown(record, [one])
    ? `it has no ${nameOf(one)}, or an empty one${one.label === undefined ? '' : unkept(record.seen, one.label)}`
    : `it is not known whether it has the ${nameOf(one)}: the VM was not read yet since that one is named`
}
