import ipaddr from 'ipaddr.js'
import { isRunning, type Portrait, readPortrait, type VmRecord, type VmService } from '../vm/index.ts'
import { addressOf } from './address.ts'
import { type Approach, isLost, type Sight, USUAL_APPROACH } from './approach.ts'
import type { VariableWhy } from './connection-why.ts'
import type { KubevirtCoreOptions } from './kubevirt-core-options.ts'

interface Subject {
  readonly record: VmRecord
  readonly vmi: Portrait
  readonly sight: Sight
}

interface Place {
  readonly host: string
  readonly port: number | null
  /** The option that says so, and what it leads to. */
  readonly because: string
}

const [SSH, WINRM_HTTPS, WINRM_HTTP] = [22, 5986, 5985]
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i
/** Where automation would find itself, the metadata of its cloud, or many. */
const NOWHERE = ['linkLocal', 'loopback', 'unspecified', 'multicast', 'broadcast']

/**
 * How kubevirt.core has Ansible reach a guest:
 *
 * | its interface (the first, or that of `network_name`) | and                                    | ansible_host          |
 * |--------------------------------------------------------|----------------------------------------|-----------------------|
 * | has no address                                         |                                        | none, and nothing else |
 * | has one                                                | kube_secondary_dns, network_name       | the name it makes     |
 * | has one                                                | use_service, no network_name, a Service | of the load balancer, or the node's name |
 * | has one                                                | otherwise                              | the address           |
 *
 * A Service counts with one port alone, whose target is 22, or 5986 and then 5985 of Windows, by `kubevirt.io/domain`. Here an address
 * is one, a name is one, a boot that has ended is nowhere, and an address that is another VM's by better right is not told.
 */
export function connectionVariables(subject: Subject, options: KubevirtCoreOptions): readonly VariableWhy[] {
  const nic = interfaceOf(subject.vmi, options.network_name)
  const raw = text(nic?.['ipAddress'])
  if (raw === '' || !isRunning(subject.record.seen)) return []
  const windows = isWindows(subject.vmi)
  const place =
    byName(subject.record, options) ?? byService(subject, windows, options) ?? byAddress(subject, raw, options)
  if (place === null) return []
  const { host, port, because } = place
  const variables: VariableWhy[] = [{ name: 'ansible_host', value: host, because, over: [] }]
  const ofPort = port === null ? 'unset_ansible_port is true' : because
  if (options.unset_ansible_port || port !== null)
    variables.push({ name: 'ansible_port', value: port, because: ofPort, over: [] })
  const { default_win_ansible_connection: value } = options
  const ofConnection = `default_win_ansible_connection is ${value}`
  if (windows) variables.push({ name: 'ansible_connection', value, because: ofConnection, over: [] })
  return variables
}

/** Who is reached so: at the address of that interface, which others may claim too. */
export function kubevirtCoreApproach({ network_name, state }: KubevirtCoreOptions): Approach {
  // Asked again and again while addresses are contended for, and a portrait is long.
  const known = new WeakMap<VmRecord, string>()
  const addressIn = (record: VmRecord): string => {
    const address = known.get(record) ?? (isRunning(record.seen) ? ownAddress(record, network_name) : '')
    known.set(record, address)
    return address
  }
  return {
    ...USUAL_APPROACH,
    ...state,
    key: `kubevirt.core ${network_name} ${JSON.stringify(state)}`,
    choose: record => {
      const address = addressIn(record)
      return { address, because: address === '' ? 'no address' : '' }
    },
  }
}

function ownAddress(record: VmRecord, network: string): string {
  const { portraits } = record.seen
  if (portraits === undefined) return addressOf(record)
  return usable(text(interfaceOf(readPortrait(portraits.vmi, true), network)?.['ipAddress']))
}

function interfaceOf({ status }: Portrait, network: string): Readonly<Record<string, unknown>> | undefined {
  const found: unknown = status?.['interfaces']
  const all = (Array.isArray(found) ? found : []) as readonly (Readonly<Record<string, unknown>> | null)[]
  return (network === '' ? all[0] : all.find(nic => nic?.['name'] === network)) ?? undefined
}

function byName({ name, namespace }: VmRecord, options: KubevirtCoreOptions): Place | null {
  const { kube_secondary_dns, network_name, base_domain } = options
  if (!kube_secondary_dns || network_name === '') return null
  const because = 'kube_secondary_dns and network_name'
  return named(`${network_name}.${name}.${namespace}.vm${base_domain === '' ? '' : `.${base_domain}`}`, null, because)
}

function byService({ record, vmi }: Subject, windows: boolean, options: KubevirtCoreOptions): Place | null {
  if (!options.use_service || options.network_name !== '') return null
  const own = (record.services ?? []).filter(({ by, ports }) => by === 'kubevirt.io/domain' && ports.length === 1)
  const targets = windows ? [WINRM_HTTPS, WINRM_HTTP] : [SSH]
  const found = targets.flatMap(port => own.find(({ ports }) => ports[0]?.target === port) ?? [])
  return found[0] === undefined ? null : placeOf(found[0], text(vmi.status?.['nodeName']), options)
}

function placeOf({ name, type, ports, ingress }: VmService, node: string, options: KubevirtCoreOptions): Place | null {
  const [only] = ports
  const because = `use_service: ${name}, by ${type === 'LoadBalancer' ? 'its load balancer' : 'a port of the node of the guest'}`
  if (type === 'LoadBalancer') return named(ingress[0] ?? '', only?.port ?? null, because)
  const suffix = options.append_base_domain && options.base_domain !== '' ? `.${options.base_domain}` : ''
  return only === undefined || only.node === 0 ? null : named(node === '' ? '' : `${node}${suffix}`, only.node, because)
}

function named(host: string, port: number | null, because: string): Place | null {
  return usable(host) !== '' || (DNS_NAME.test(host) && !ipaddr.isValid(host)) ? { host, port, because } : null
}

function byAddress({ record, sight }: Subject, raw: string, { network_name }: KubevirtCoreOptions): Place | null {
  const host = usable(raw)
  const which = network_name === '' ? 'the first interface of its VMI' : `network_name, the interface ${network_name}`
  return host === '' || isLost(record, host, sight) ? null : { host, port: null, because: `the address of ${which}` }
}

function usable(raw: string): string {
  const [bare = ''] = raw.split('/')
  // With a zone (fd00::5%1) the address of another is another text, and leads to it all the same.
  if (!ipaddr.isValid(bare) || bare.includes('%')) return ''
  const address = ipaddr.process(bare)
  return NOWHERE.includes(address.range()) ? '' : address.toString()
}

/** By what the guest says it is, else by the preference or the template that its VM was made with. */
function isWindows({ status, annotations }: Portrait): boolean {
  const info: unknown = status?.['guestOSInfo']
  if (typeof info === 'object' && info !== null && 'id' in info) return info.id === 'mswindows'
  const said = ['kubevirt.io/cluster-preference-name', 'kubevirt.io/preference-name', 'vm.kubevirt.io/os']
  const first = said.find(key => Object.hasOwn(annotations, key))
  return first !== undefined && annotations[first]?.startsWith('windows') === true
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
