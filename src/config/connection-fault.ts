import { messageOf } from '../errors.ts'
import type { Config, ConnectionConfig, ViewConfig, WindowsConnectionConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import { HOST_FORMAT_HINT, parseHostFormat } from './host-format.ts'

/** What is wrong with how a view talks to its guests that the schema can not say. `path` is that of the connection. */
export function connectionFaults(
  { linux, windows }: ConnectionConfig,
  path: string,
  { watch }: Config,
): readonly ConfigFault[] {
  const faults = windowsFaults(windows, `${path}.windows`)
  for (const [os, { via, dns_name, virtctl }] of [['linux', linux] as const, ['windows', windows] as const]) {
    if (dns_name !== '') faults.push(...dnsNameFaults(dns_name, via, `${path}.${os}.dns_name`))
    faults.push(...contextFaults(virtctl.context, `${path}.${os}.virtctl.context`))
    if (via !== 'service' || watch.services) continue
    const message = 'Services are not watched, so no host would have an address'
    faults.push({ path: `${path}.${os}.via`, message, hint: 'turn watch.services on' })
  }
  return faults
}

/** With any other brace no command could be made of it, and each host would be without an address. */
function contextFaults(context: string, path: string): readonly ConfigFault[] {
  if (!/[{}]/.test(context.replaceAll('{cluster}', ''))) return []
  return [{ path, message: 'it has a brace that is not of {cluster}', hint: '{cluster} is all that is replaced' }]
}

function dnsNameFaults(format: string, via: string, path: string): readonly ConfigFault[] {
  if (via === 'address') return formatFaults(format, path)
  return [{ path, message: `via: ${via} goes by no name of the guest`, hint: 'leave it out' }]
}

/** What is wrong with the format of a view's host names. */
export function hostNameFaults({ host_name }: ViewConfig, path: string): readonly ConfigFault[] {
  return formatFaults(host_name, path)
}

function windowsFaults(windows: WindowsConnectionConfig, path: string): ConfigFault[] {
  const { type, via, transport, scheme, certificate, kerberos_name } = windows
  const faults: ConfigFault[] = []
  const add = (key: string, message: string, hint: string): void => {
    faults.push({ path: `${path}.${key}`, message, hint })
  }
  if (via === 'port_forward' && type !== 'ssh')
    add('via', `${type} has no way through a proxy command`, 'type: ssh, or another way')
  if (type === 'ssh') {
    if (transport !== '') add('transport', 'ssh has none', 'leave it out')
    if (scheme === 'http') add('scheme', 'ssh has none', 'leave it out')
    if (certificate === 'ignore') add('certificate', 'ssh has none', 'leave it out')
    if (kerberos_name !== '') add('kerberos_name', 'it is for winrm and psrp', 'leave it out')
    return faults
  }
  if (type === 'winrm' && transport === 'negotiate')
    add('transport', 'winrm calls it ntlm or kerberos', 'name one of them')
  if (scheme === 'http' && ['', 'negotiate', 'basic', 'certificate'].includes(transport))
    add(
      'scheme',
      'http would show passwords, or what is done, to everybody on the way',
      'https, or transport: kerberos, ntlm or credssp',
    )
  if (kerberos_name !== '') faults.push(...formatFaults(kerberos_name, `${path}.kerberos_name`))
  return faults
}

function formatFaults(format: string, path: string): ConfigFault[] {
  try {
    parseHostFormat(format)
    return []
  } catch (error) {
    return [{ path, message: messageOf(error), hint: HOST_FORMAT_HINT }]
  }
}
