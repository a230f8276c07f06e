import { isAddressRange } from './address-range.ts'
import { annotationFaults, variableFaults } from './annotation.ts'
import type { Config, TokenConfig, ViewConfig } from './config.ts'
import { connectionFaults, hostNameFaults } from './connection-fault.ts'
import type { ConfigFault } from './fault.ts'
import { formatFaults } from './format-fault.ts'
import { groupFaults } from './group-fault.ts'
import { kubevirtCoreFaults } from './kubevirt-core-fault.ts'
import { labelFaults } from './label.ts'
import { profileNameFaults } from './profile-fault.ts'
import { selectorFaults } from './selector-fault.ts'

/** What stands below /api/v1/inventory/ already. */
const RESERVED = ['hosts', 'diff']

/** What is wrong with the views, and with what names them, that the schema can not say, all of it at once. */
export function viewFaults(config: Config): readonly ConfigFault[] {
  const { views, networks } = config.inventory
  return [
    ...views.flatMap((view, index) => faultsOf(view, `inventory.views.${index}`, config)),
    ...views.flatMap((view, index) => kubevirtCoreFaults(view, `inventory.views.${index}.kubevirt_core`, config)),
    ...annotationFaults(config),
    ...labelFaults(config),
    ...networks.flatMap(({ cidrs }, index) => cidrFaults(cidrs, `inventory.networks.${index}.cidrs`)),
    ...config.http.tokens.flatMap((token, index) => tokenFaults(token, `http.tokens.${index}`, views)),
  ]
}

function tokenFaults({ views: named, can }: TokenConfig, path: string, views: readonly ViewConfig[]): ConfigFault[] {
  if (named === undefined) return []
  const faults: ConfigFault[] = []
  const known = views.map(view => view.name)
  for (const [at, name] of named.entries()) {
    if (known.includes(name)) continue
    const hint = known.length === 0 ? 'add it to inventory.views' : `one of ${known.join(', ')}`
    faults.push({ path: `${path}.views.${at}`, message: `no view is called "${name}"`, hint })
  }
  if (can.some(right => right !== 'read')) {
    const message = 'a token that has views reads them and can do nothing else'
    faults.push({ path: `${path}.can`, message, hint: 'can: [read], or leave views out' })
  }
  return faults
}

function cidrFaults(cidrs: readonly string[], path: string): ConfigFault[] {
  const wrong = [...cidrs.entries()].filter(([, cidr]) => !isAddressRange(cidr))
  const hint = 'an address and the length of its prefix, as 10.20.0.0/16'
  return wrong.map(([at, cidr]) => ({ path: `${path}.${at}`, message: `"${cidr}" is no range of addresses`, hint }))
}

function faultsOf(view: ViewConfig, path: string, config: Config): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (RESERVED.includes(view.name)) {
    const message = `"${view.name}" is another page of the inventory`
    faults.push({ path: `${path}.name`, message, hint: 'take another name' })
  }
  for (const [at, name] of (view.clusters ?? []).entries()) {
    if (mayBe(name, config)) continue
    const message = `no cluster is called "${name}", so the view would never open`
    faults.push({ path: `${path}.clusters.${at}`, message, hint: 'name one of clusters' })
  }
  return [
    ...faults,
    ...profileNameFaults(view.profiles ?? [], `${path}.profiles`, config.profiles),
    ...selectorFaults(view.selector, `${path}.selector`),
    ...selectorFaults(view.exclude, `${path}.exclude`),
    ...hostNameFaults(view, `${path}.host_name`),
    ...formatFaults(view, path),
    ...groupFaults(view.groups, `${path}.groups`),
    ...preferenceFaults(view, `${path}.addresses.prefer`),
    ...connectionFaults(view.connection, `${path}.connection`, config),
    ...variableFaults(view.variables, `${path}.variables`),
  ]
}

function preferenceFaults({ addresses }: ViewConfig, path: string): ConfigFault[] {
  return addresses.prefer.flatMap(({ cidr, family }, at) => {
    if (cidr === undefined) return []
    const faults = cidrFaults([cidr], `${path}.${at}`).map(fault => ({ ...fault, path: `${path}.${at}.cidr` }))
    if (faults.length > 0 || family === undefined || family === (cidr.includes(':') ? 'ipv6' : 'ipv4')) return faults
    return [{ path: `${path}.${at}.family`, message: `no address of ${cidr} is ${family}`, hint: 'leave it out' }]
  })
}

/** Hubs bring clusters of any name, but none with the name of a hub: that has no VMs. */
function mayBe(name: string, { clusters, hubs }: Config): boolean {
  if (clusters.some(cluster => cluster.name === name)) return true
  return hubs.length > 0 && !hubs.some(hub => hub.name === name)
}
