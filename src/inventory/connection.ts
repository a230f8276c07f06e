import { hostName, isRunning, type VmRecord } from '../vm/index.ts'
import type { ConnectionEntry, ConnectionVariable } from './connection-variable.ts'
import type { Endpoint } from './endpoint.ts'
import { type HostNamePart, hostNamer } from './host-name.ts'
import { proxyArguments, type Virtctl } from './proxy-command.ts'
import { findService } from './service-port.ts'

/** How guests are talked to. */
export interface Connection {
  readonly linux: LinuxConnection
  readonly windows: WindowsConnection
}

/** The way to a guest, whatever it talks. */
export interface LinuxConnection {
  readonly via: 'address' | 'service' | 'port_forward'
  /** The name in DNS that it is connected to by, instead of its address; null: its address. */
  readonly dnsName: readonly HostNamePart[] | null
  /** 0: the usual one. */
  readonly port: number
  /** Empty leaves it to Ansible. */
  readonly user: string
  /** Which port of a Service leads to the guest, the best first: a number of the guest, or a name. Empty: the usual ones. */
  readonly servicePorts: readonly (string | number)[]
  /** What makes the name of a node one that can be resolved. */
  readonly nodeDomain: string
  readonly virtctl: Virtctl
}

export interface WindowsConnection extends LinuxConnection {
  readonly type: 'psrp' | 'winrm' | 'ssh'
  /** Empty leaves it to the plugin. */
  readonly transport: string
  readonly scheme: 'https' | 'http'
  readonly certificate: 'validate' | 'ignore'
  /** The name that Kerberos knows the guest by; null: its address. */
  readonly kerberosName: readonly HostNamePart[] | null
}

const DIRECT: LinuxConnection = {
  via: 'address',
  dnsName: null,
  port: 0,
  user: '',
  servicePorts: [],
  nodeDomain: '',
  virtctl: { kubeconfig: '', context: '' },
}

/** As everywhere where nobody says otherwise: ssh, and PSRP over HTTPS with a valid certificate, at the guest's own address. */
export const USUAL_CONNECTION: Connection = {
  linux: DIRECT,
  windows: {
    ...DIRECT,
    type: 'psrp',
    transport: '',
    scheme: 'https',
    certificate: 'validate',
    kerberosName: null,
  },
}

const NOWHERE: Endpoint = { host: '', port: 0, via: '', because: '' }

/** The connection of a guest by what it says it is: who does not say Windows is talked to as Linux is. */
export function connectionOf(record: VmRecord, { linux, windows }: Connection): LinuxConnection | WindowsConnection {
  return record.seen.os.family === 'windows' ? windows : linux
}

/** Where a guest is connected to; `address`: the valid one of its own that was chosen, which counts when nothing else leads to it. Pure. */
export function endpointOf(
  record: VmRecord,
  connection: LinuxConnection | WindowsConnection,
  address: string,
): Endpoint {
  const { via, port } = connection
  if (!isRunning(record.seen)) return NOWHERE
  if (via === 'port_forward') {
    const host = hostName(record)
    const isThere = isName(host) && proxyOf(record, connection) !== null
    return isThere ? { host, port, via, because: '' } : { ...NOWHERE, because: 'no address' }
  }
  if (via === 'service') {
    const found = findService(record, portsOf(connection), connection.nodeDomain)
    return found ?? { ...NOWHERE, because: 'no service' }
  }
  const named = address === '' || connection.dnsName === null ? '' : hostNamer(connection.dnsName)(record)
  return { host: isName(named) ? named : address, port, via: address === '' ? '' : 'address', because: '' }
}

/**
 * The `ansible_*` variables of a guest. Every value is a number, a word of ours or of the configuration, an address, or a name of
 * Kubernetes that was looked at: nothing that a guest or a user wrote goes through as it is.
 */
export function connectionVariables(
  record: VmRecord,
  connection: LinuxConnection | WindowsConnection,
  { host, port, via }: Endpoint,
): readonly ConnectionVariable[] {
  const variables: ConnectionVariable[] = host === '' ? [] : [{ name: 'ansible_host', value: host, from: 'via' }]
  if ('type' in connection) variables.push(...windowsVariables(record, connection))
  if (port !== 0)
    variables.push({ name: 'ansible_port', value: port, from: via.startsWith('service ') ? 'via' : 'port' })
  if (connection.user !== '') variables.push({ name: 'ansible_user', value: connection.user, from: 'user' })
  const proxy = via === 'port_forward' ? proxyOf(record, connection) : null
  if (proxy !== null) variables.push({ name: 'ansible_ssh_common_args', value: proxy, from: 'via' })
  return variables
}

function proxyOf(record: VmRecord, { port, virtctl }: LinuxConnection): string | null {
  return proxyArguments(record, port || SSH, virtctl)
}

/** Longer names can not be resolved or shown to anybody, and others may be read as something else. */
function isName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/.test(name)
}

const SSH = 22
const WINRM = { https: 5986, http: 5985 } as const

function windowsVariables(record: VmRecord, connection: WindowsConnection): readonly ConnectionVariable[] {
  const { type, transport, scheme, certificate, kerberosName } = connection
  const variables: ConnectionVariable[] = []
  const add = (name: string, value: string | number, from: ConnectionEntry): unknown =>
    variables.push({ name, value, from })
  add('ansible_connection', type, 'type')
  if (type === 'ssh') {
    add('ansible_shell_type', 'powershell', 'type')
    return variables
  }
  const names = type === 'psrp' ? PSRP : WINRM_NAMES
  const known = kerberosName === null ? '' : hostNamer(kerberosName)(record)
  add('ansible_port', WINRM[scheme], 'scheme')
  // What is usual is left to the plugin, where who runs it may say otherwise.
  if (scheme !== 'https') add(names.scheme, scheme, 'scheme')
  if (transport !== '') add(names.transport, transport, 'transport')
  if (certificate !== 'validate') add(names.certificate, certificate, 'certificate')
  if (isName(known)) add(names.kerberos, known, 'kerberos_name')
  return variables
}

/** The variables of the two plugins, by what they say (ansible.builtin.psrp, ansible.builtin.winrm). */
const PSRP = {
  scheme: 'ansible_psrp_protocol',
  transport: 'ansible_psrp_auth',
  certificate: 'ansible_psrp_cert_validation',
  kerberos: 'ansible_psrp_negotiate_hostname_override',
}
const WINRM_NAMES = {
  scheme: 'ansible_winrm_scheme',
  transport: 'ansible_winrm_transport',
  certificate: 'ansible_winrm_server_cert_validation',
  kerberos: 'ansible_winrm_kerberos_hostname_override',
}

/** The ports of a guest that a Service may lead to, the best first. */
function portsOf(connection: LinuxConnection | WindowsConnection): readonly (string | number)[] {
  const { port, servicePorts } = connection
  const first = port === 0 ? [] : [port]
  if (servicePorts.length > 0) return [...first, ...servicePorts]
  if (!('type' in connection) || connection.type === 'ssh') return [...first, SSH, 'ssh']
  return [
    ...first,
    ...(connection.scheme === 'https' ? [5986, 'winrms', 'winrm-https'] : [5985, 'winrm', 'winrm-http']),
  ]
}
