import ipaddr from 'ipaddr.js'
import type { VmRecord } from '../vm/index.ts'
import type { Endpoint } from './endpoint.ts'

type Service = NonNullable<VmRecord['services']>[number]
type Port = Service['ports'][number]

/** A name that can be resolved (RFC 1123): of a load balancer or a node. */
const NAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

/**
 * Where a Service leads to a port of the guest, from outside its cluster: at its load balancer, else at a port of the node that the guest
 * runs on. Of several ports the first that is wanted counts, by the number or name of the guest's port, or by the name of the
 * Service's; null when none fits. Pure.
 */
export function findService(
  record: VmRecord,
  wanted: readonly (string | number)[],
  nodeDomain: string,
): Endpoint | null {
  const { services = [] } = record
  for (const one of wanted) {
    const fitting = services.flatMap(service =>
      service.ports.filter(port => leads(port, one)).map(port => ({ service, port })),
    )
    const ends = fitting.flatMap(({ service, port }) => balanced(service, port) ?? [])
    const [best] = ends.length > 0 ? ends : fitting.flatMap(each => onNode(record, each, nodeDomain) ?? [])
    if (best !== undefined) return best
  }
  return null
}

function leads({ name, target, protocol }: Port, wanted: string | number): boolean {
  return protocol === 'TCP' && (target === wanted || (name !== '' && name === wanted))
}

function balanced({ name, ingress }: Service, { port }: Port): Endpoint | null {
  const host = ingress.find(isHost)
  return host === undefined || port === 0 ? null : { host, port, via: `service ${name}`, because: '' }
}

function onNode(
  { seen }: VmRecord,
  { service, port }: { readonly service: Service; readonly port: Port },
  domain: string,
): Endpoint | null {
  const host = domain === '' ? seen.node : `${seen.node}.${domain}`
  return port.node === 0 || !isHost(host)
    ? null
    : { host, port: port.node, via: `service ${service.name}`, because: '' }
}

function isHost(host: string): boolean {
  return ipaddr.isValid(host) || (host.length <= 253 && NAME.test(host))
}
