import { plainText } from '../event/index.ts'
import { dict, type Json, list, text } from './raw.ts'

/** Services kept of one VM, in the order of their names. */
export const MAX_SERVICES = 8
/** Ports kept of one Service, in its own order. */
export const MAX_PORTS = 16
/** Addresses of load balancers kept of one Service. */
export const MAX_INGRESS = 4

/** A Service of a VM through which it is reached from outside its cluster. */
export interface VmService {
  readonly name: string
  readonly type: 'NodePort' | 'LoadBalancer'
  /** The label of the guest's pod that its selector goes by. */
  readonly by: Naming
  readonly ports: readonly ServicePort[]
  /** IPs or host names of its load balancer; none until it has one. */
  readonly ingress: readonly string[]
}

export interface ServicePort {
  /** Empty when it has one port alone and no name for it. */
  readonly name: string
  readonly protocol: string
  readonly port: number
  /** The port of the guest: a number, or the name of one. */
  readonly target: number | string
  /** The port of every node; 0 when it has none. */
  readonly node: number
}

/**
 * Labels by which a selector names one VM. `kubevirt.io/domain` and `kubevirt.io/vm` are of the VM's template, and its author chose
 * their values; `vm.kubevirt.io/name` is put by KubeVirt on the pod of each VM, with the VM's name (KubeVirt
 * pkg/virt-controller/services/template.go).
 */
export const NAMINGS = ['kubevirt.io/domain', 'kubevirt.io/vm', 'vm.kubevirt.io/name'] as const
export type Naming = (typeof NAMINGS)[number]

/** The labels of a guest's pod that selectors may name it by; one that it lacks is empty. */
export type Named = Readonly<Record<Naming, string>>

/** What is kept of a Service (v1). `service` is null when it leads to no VM from outside: then it is nobody's. */
export interface ServicePart {
  readonly key: string
  readonly namespace: string
  /** The values that its selector wants of the labels that name a VM; one that it does not ask for is empty. */
  readonly wants: Named
  readonly service: VmService | null
}

const TYPES = ['NodePort', 'LoadBalancer'] as const

/** A Service as the API sends it → the fields we keep. Never throws. */
export function projectService(object: unknown): ServicePart {
  const meta = dict(dict(object)['metadata'])
  const spec = dict(dict(object)['spec'])
  const selector = dict(spec['selector'])
  const namespace = text(meta['namespace'])
  const wants = namedBy(label => text(selector[label]))
  const type = TYPES.find(one => one === spec['type'])
  const by = NAMINGS.find(label => wants[label] !== '')
  const key = `${namespace}/${text(meta['name'])}`
  if (type === undefined || by === undefined) return { key, namespace, wants, service: null }
  const ports = list(spec['ports']).slice(0, MAX_PORTS).map(dict).map(portOf)
  const ingress = list(dict(dict(dict(object)['status'])['loadBalancer'])['ingress'])
    .slice(0, MAX_INGRESS)
    .map(dict)
    .map(({ ip, hostname }) => plainText(ip) || plainText(hostname))
    .filter(address => address !== '')
  return { key, namespace, wants, service: { name: plainText(meta['name']), type, by, ports, ingress } }
}

/** What a guest's pod is named by: its own labels, and what KubeVirt adds. */
export function namedAs(vm: { readonly name: string; readonly domain: string; readonly vmLabel: string }): Named {
  return { 'kubevirt.io/domain': vm.domain, 'kubevirt.io/vm': vm.vmLabel, 'vm.kubevirt.io/name': vm.name }
}

/** True when a selector that wants this takes a pod that is named so. What else it asks for is not known, and not looked at. */
export function takes(wants: Named, named: Named): boolean {
  return NAMINGS.every(label => wants[label] === '' || wants[label] === named[label])
}

function namedBy(value: (label: Naming) => string): Named {
  return {
    'kubevirt.io/domain': value('kubevirt.io/domain'),
    'kubevirt.io/vm': value('kubevirt.io/vm'),
    'vm.kubevirt.io/name': value('vm.kubevirt.io/name'),
  }
}

function portOf({ name, protocol, port, targetPort, nodePort }: Json): ServicePort {
  const target = typeof targetPort === 'string' ? plainText(targetPort) : whole(targetPort) || whole(port)
  return {
    name: plainText(name),
    protocol: plainText(protocol) || 'TCP',
    port: whole(port),
    target,
    node: whole(nodePort),
  }
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535 ? value : 0
}
