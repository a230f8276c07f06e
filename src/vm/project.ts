import ipaddr from 'ipaddr.js'
import { plainText } from '../event/index.ts'
import { type Address, type GuestOs, NO_OS, type VmiPart, type VmPart } from './part.ts'
import { bootEnd } from './boot-end.ts'
import { applicationOf, descentOf, importKey } from './descent.ts'
import { firstLabels } from './labels.ts'
import { dict, type Json, list, text } from './raw.ts'
import { copiedFrom, rootClaim } from './root-disk.ts'

/** Addresses kept of a VMI. KubeVirt 1.8 itself caps guest-only interfaces at 10. */
const MAX_ADDRESSES = 16

/** A VirtualMachine (kubevirt.io/v1) as the API sends it → the fields we keep. Never throws: what is missing or odd is empty. */
export function projectVm(object: unknown): VmPart {
  const vm = dict(object)
  const meta = dict(vm['metadata'])
  const spec = dict(vm['spec'])
  const template = dict(spec['template'])
  const annotations = dict(dict(template['metadata'])['annotations'])
  const status = dict(vm['status'])
  const failure = dict(status['startFailure'])
  const root = plainText(rootClaim(dict(template['spec'])))
  const original = plainText(copiedFrom(status, root))
  return {
    key: `${text(meta['namespace'])}/${text(meta['name'])}`,
    namespace: text(meta['namespace']),
    name: text(meta['name']),
    uid: text(meta['uid']),
    resourceVersion: text(meta['resourceVersion']),
    createdAt: Date.parse(text(meta['creationTimestamp'])) || 0,
    deleting: text(meta['deletionTimestamp']) !== '',
    runStrategy: runStrategy(spec),
    status: plainText(status['printableStatus']) || 'Unknown',
    labels: firstLabels(meta['labels']),
    instancetype: plainText(dict(spec['instancetype'])['name']),
    declaredOs: plainText(annotations['vm.kubevirt.io/os']) || plainText(dict(spec['preference'])['name']),
    firmwareUuid: firmwareUuid(dict(template['spec'])),
    rootClaim: root,
    ...(original === '' ? {} : { copiedFrom: original }),
    stopAsked: stopAsked(list(status['stateChangeRequests']).map(dict)),
    restartRequired: condition(list(status['conditions']), 'RestartRequired') !== null,
    failedBoots: count(failure['consecutiveFailCount']),
    failedBoot: plainText(failure['lastFailedVMIUID']),
    application: applicationOf(meta, 'kubevirt.io/VirtualMachine'),
    descent: descentOf(meta),
    importKey: importKey(meta),
    ...namings(dict(template['metadata']), text(meta['name'])),
  }
}

/** A VirtualMachineInstance (kubevirt.io/v1) → the fields we keep. */
export function projectVmi(object: unknown): VmiPart {
  const vmi = dict(object)
  const meta = dict(vmi['metadata'])
  const spec = dict(vmi['spec'])
  const status = dict(vmi['status'])
  const owner = list(meta['ownerReferences'])
    .map(dict)
    .find(reference => reference['kind'] === 'VirtualMachine')
  const conditions = list(status['conditions'])
  const paused = condition(conditions, 'Paused')
  const migration = dict(status['migrationState'])
  return {
    key: `${text(meta['namespace'])}/${text(meta['name'])}`,
    uid: text(meta['uid']),
    resourceVersion: text(meta['resourceVersion']),
    owner: text(owner?.['uid']),
    phase: plainText(status['phase']),
    deleting: text(meta['deletionTimestamp']) !== '',
    node: plainText(status['nodeName']),
    paused: paused !== null,
    pausedBecause: plainText(paused?.['reason']),
    end: bootEnd(status, text(meta['deletionTimestamp'])),
    reason: plainText(status['reason']),
    rootClaim: plainText(rootClaim(spec)),
    kernel: plainText(dict(status['guestOSInfo'])['kernelRelease']),
    // The agent's condition is added and removed, never False (virt-handler): presence with True is what counts.
    agentConnected: condition(conditions, 'AgentConnected') !== null,
    firmwareUuid: firmwareUuid(spec),
    ...namings(meta, text(meta['name'])),
    os: guestOs(dict(status['guestOSInfo'])),
    addresses: addresses(list(status['interfaces']).map(dict), podNetworks(spec)),
    migrated: migrated(migration),
    migrationFailed: migrationFailed(migration),
  }
}

/** `running` is the deprecated twin of runStrategy; both unset means Halted (KubeVirt types.go). */
function runStrategy(spec: Json): string {
  const strategy = plainText(spec['runStrategy'])
  if (strategy !== '') return strategy
  return spec['running'] === true ? 'Always' : 'Halted'
}

function migrated(state: Json): VmiPart['migrated'] {
  const done = text(state['endTimestamp']) !== '' && state['failed'] !== true
  return done ? { uid: migrationUid(state), ...nodes(state) } : { uid: '', from: '', to: '' }
}

/** `completed` is true on a failure too: only `failed` tells them apart. */
function migrationFailed(state: Json): VmiPart['migrationFailed'] {
  const failed = state['failed'] === true && (text(state['endTimestamp']) !== '' || state['completed'] === true)
  if (!failed) return { uid: '', from: '', to: '', reason: '' }
  const aborted = text(state['abortStatus']) === 'Succeeded' ? 'aborted' : ''
  return { uid: migrationUid(state), ...nodes(state), reason: plainText(state['failureReason']) || aborted }
}

function migrationUid(state: Json): string {
  return plainText(state['migrationUid']) || plainText(state['startTimestamp'])
}

function nodes(state: Json): { from: string; to: string } {
  return { from: plainText(state['sourceNode']), to: plainText(state['targetNode']) }
}

/** The boot that somebody asked to stop: `restart` asks too, with a Start after it. */
function stopAsked(requests: readonly Json[]): string {
  return plainText(requests.find(request => request['action'] === 'Stop')?.['uid'])
}

function firmwareUuid(spec: Json): string {
  return plainText(dict(dict(spec['domain'])['firmware'])['uuid'])
}

/** Mostly the name of the VM: then it is that string, and takes no room of its own. */
function namings(meta: Json, name: string): Pick<VmPart, 'domain' | 'vmLabel'> {
  const labels = dict(meta['labels'])
  const valueOf = (label: string): string => {
    const value = plainText(labels[label])
    return value === name ? name : value
  }
  return { domain: valueOf('kubevirt.io/domain'), vmLabel: valueOf('kubevirt.io/vm') }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

function guestOs(info: Json): GuestOs {
  const id = plainText(info['id'])
  if (id === '') return NO_OS
  const family = /windows/i.test(id) ? 'windows' : 'linux'
  return {
    family,
    id,
    name: plainText(info['name']),
    version: plainText(info['versionId']) || plainText(info['version']),
  }
}

function podNetworks(spec: Json): ReadonlySet<string> {
  const networks = list(spec['networks']).map(dict)
  return new Set(networks.filter(network => network['pod'] !== undefined).map(network => text(network['name'])))
}

function addresses(interfaces: readonly Json[], pod: ReadonlySet<string>): readonly Address[] {
  const found: Address[] = []
  for (const nic of interfaces) {
    const network = plainText(nic['name'])
    const onPod = pod.has(network)
    // On the pod network the platform's own address wins over the agent's (KubeVirt pkg/network/setup/netstat.go).
    const source = onPod || !text(nic['infoSource']).includes('guest-agent') ? 'platform' : 'agent'
    for (const raw of unique([nic['ipAddress'], ...list(nic['ipAddresses'])].map(text))) {
      const address = usable(raw)
      if (address !== '')
        found.push({ address, network, interface: plainText(nic['interfaceName']), source, pod: onPod })
    }
  }
  return found.slice(0, MAX_ADDRESSES)
}

/** An address a controller might reach: no link-local, loopback or unspecified one, no prefix length, no zone; empty otherwise. */
function usable(raw: string): string {
  const [bare = ''] = raw.split('/')
  // With a zone (fd00::5%1) the address of another is another text, and leads to it all the same.
  if (!ipaddr.isValid(bare) || bare.includes('%')) return ''
  // An IPv4 address in IPv6 clothes is that address: ::ffff:127.0.0.1 is this machine.
  const parsed = ipaddr.process(bare)
  return ['linkLocal', 'loopback', 'unspecified', 'multicast', 'broadcast'].includes(parsed.range())
    ? ''
    : parsed.toString()
}

/** A condition that is there and True, else null. */
function condition(conditions: readonly unknown[], type: string): Json | null {
  return conditions.map(dict).find(one => one['type'] === type && one['status'] === 'True') ?? null
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
