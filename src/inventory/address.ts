import ipaddr from 'ipaddr.js'
import { type Address, isRunning, type VmRecord } from '../vm/index.ts'

/** Which of its addresses a host is reached at. */
export interface AddressChoice {
  /** What is wanted, the best first; of one entry all that is said must hold. */
  readonly prefer: readonly AddressRule[]
  /** When nothing of that is there: the one that is used elsewhere, or none. */
  readonly otherwise: 'any' | 'none'
  /** Addresses of the pod network: when there is no other, or never. */
  readonly podNetwork: 'last' | 'never'
}

export interface AddressRule {
  readonly network?: string
  readonly cidr?: string
  readonly family?: 'ipv4' | 'ipv6'
}

/** An address that was chosen; empty with the reason why there is none. */
export interface Chosen {
  readonly address: string
  readonly because: '' | 'no address' | 'only a pod address'
  /** The entry of the view that chose it; left out: none did, it is the one that is used elsewhere. */
  readonly by?: string
}

export type ChooseAddress = (record: VmRecord) => Chosen

/** As everywhere where nobody says otherwise. */
export const ANY_ADDRESS: AddressChoice = { prefer: [], otherwise: 'any', podNetwork: 'last' }

/**
 * The address automation must use now, or empty. What is seen wins over what was told (an old address may belong to another VM by
 * now); while the guest agent flaps an empty one, the last told one holds.
 */
export function addressOf(record: VmRecord): string {
  if (!isRunning(record.seen)) return ''
  return record.seen.address || (record.told.reachable ? record.told.address : '')
}

/**
 * The addresses of a VM as they are seen; while none is that automation could use, though the one that was told last holds (`addressOf`),
 * that one among them.
 */
export function addressesOf(record: VmRecord): readonly Address[] {
  const { seen, told } = record
  const usual = addressOf(record)
  if (usual === '' || seen.address !== '') return seen.addresses
  const pod = told.address_source === 'pod'
  const source = pod ? 'platform' : (told.address_source ?? 'agent')
  return [
    { address: usual, network: '', interface: '', source, pod },
    ...seen.addresses.filter(one => one.address !== usual),
  ]
}

/**
 * How a view chooses: the first rule that an address fits, and of several that fit it the one used elsewhere, else the first; the pod
 * network's come after all others. Pure.
 */
export function chooserOf({ prefer, otherwise, podNetwork }: AddressChoice): ChooseAddress {
  const rules = prefer.map(fits)
  if (rules.length === 0 && podNetwork === 'last') return record => chosen(addressOf(record))
  return record => {
    const usual = addressOf(record)
    if (!ipaddr.isValid(usual)) return NONE
    const known = addressesOf(record).filter(({ address }) => ipaddr.isValid(address))
    const ranked = known.sort((a, b) => rank(a, usual) - rank(b, usual))
    const allowed = podNetwork === 'never' ? ranked.filter(entry => !entry.pod) : ranked
    for (const [at, rule] of rules.entries()) {
      const wanted = allowed.find(rule)
      if (wanted !== undefined) return chosen(wanted.address, `addresses.prefer.${at}`)
    }
    if (allowed.length === 0) return { address: '', because: 'only a pod address' }
    if (otherwise === 'none') return NONE
    // An address that nobody but the guest knows is used when it is asked for, and never by itself.
    const rest = allowed.find(entry => entry.network !== '' || entry.address === usual)
    return chosen(rest?.address ?? '', rules.length === 0 ? 'addresses.pod_network' : 'addresses.otherwise')
  }
}

const NONE: Chosen = { address: '', because: 'no address' }

function chosen(address: string, by?: string): Chosen {
  if (address === '') return NONE
  return by === undefined ? { address, because: '' } : { address, because: '', by }
}

/** Smaller is better: not of the pod network, the one used elsewhere, what the cluster gave. */
function rank(entry: Address, usual: string): number {
  return (entry.pod ? 4 : 0) + (entry.address === usual ? 0 : 2) + (entry.source === 'platform' ? 0 : 1)
}

function fits({ network, cidr, family }: AddressRule): (entry: Address) => boolean {
  const range = cidr === undefined ? null : ipaddr.parseCIDR(cidr)
  return entry => {
    const parsed = ipaddr.parse(entry.address)
    if (network !== undefined && entry.network !== network) return false
    if (family !== undefined && parsed.kind() !== family) return false
    return range === null || (range[0].kind() === parsed.kind() && parsed.match(range[0], range[1]))
  }
}
