import ipaddr from 'ipaddr.js'
import type { Address, VmRecord } from '../vm/index.ts'
import { addressesOf, addressOf } from './address.ts'
import type { Approach } from './approach.ts'
import type { Rendering } from './rendering.ts'
import type { View } from './view.ts'

/** A network that configuration declares: an address is unique in it. Empty lists do not narrow it. */
export interface Network {
  readonly name: string
  readonly cidrs: readonly string[]
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
}

/** Says that an address is one of a VM's. */
export interface Claim {
  readonly address: string
  /** The address, with the network that it is unique in. */
  readonly place: string
  /** The network is one that configuration declares. */
  readonly declared: boolean
  /** The cluster gave it; otherwise the guest says so. */
  readonly platform: boolean
  /** Automation uses it, in some view. */
  readonly used: boolean
}

/** What decides who claims what. */
export interface Claimed {
  readonly networks?: readonly Network[] | undefined
  readonly views?: readonly Pick<View, 'rendering'>[] | undefined
  /** Renderings that any view may be asked for in, by name. */
  readonly formats?: ReadonlyMap<string, Pick<Rendering, 'approach'>> | undefined
}

/** What a VM claims, as long as it runs. */
export type ClaimsOf = (record: VmRecord) => readonly Claim[]

/**
 * Says which addresses a VM claims, and where each is unique. Automation uses those that any of the views, or a format that may be asked
 * for, reaches it at, and the one that is used where none says otherwise.
 *
 * | an address                                              | is unique in                           |
 * |---------------------------------------------------------|----------------------------------------|
 * | in a declared network, the first whose parts all fit    | that network, whichever the cluster    |
 * | else on the pod network                                 | the pod network of its cluster         |
 * | else that only the guest tells of, and that is in use   | the same: its word is all there is     |
 * | else that the cluster gave, on a network of its own     | nothing: networks may overlap          |
 * | that the guest alone tells of, not in use               | it claims nothing: nobody goes there   |
 */
export function claimsIn({ networks = [], views = [], formats }: Claimed): ClaimsOf {
  const renderings = [...views.map(({ rendering }) => rendering), ...(formats?.values() ?? [])]
  const usedOf = addressesUsed(renderings.map(({ approach }) => approach))
  const declared = networks.map(({ cidrs, ...network }) => ({
    ...network,
    ranges: cidrs.map(cidr => ipaddr.parseCIDR(cidr)),
  }))
  const placeOf = (record: VmRecord, entry: Address): Pick<Claim, 'place' | 'declared'> => {
    const network = declared.find(
      ({ clusters, namespaces, ranges }) =>
        fits(clusters, record.cluster) && fits(namespaces, record.namespace) && lies(entry.address, ranges),
    )
    // A zone (fd00::5%1), as older records may have it, leads to no other guest.
    const [address = ''] = entry.address.split('%', 1)
    if (network !== undefined) return { place: `${network.name} ${address}`, declared: true }
    const counts = entry.pod || entry.source === 'agent'
    return { place: counts ? `/${record.cluster} ${address}` : '', declared: false }
  }
  return record => {
    const used = usedOf(record)
    if (used.length === 0) return []
    const known = addressesOf(record)
    // One that is used is claimed, whoever told of it.
    const others = used.filter(address => !known.some(entry => entry.address === address))
    const claims = [...known, ...others.map(byGuest)].map(entry => ({
      address: entry.address,
      ...placeOf(record, entry),
      platform: entry.source === 'platform',
      used: used.includes(entry.address),
    }))
    const counting = claims.filter(claim => claim.place !== '' && (claim.platform || claim.used))
    // Of one address told twice the better word counts: it comes first.
    return counting.sort((a, b) => Number(b.platform) - Number(a.platform))
  }
}

/** The addresses of a VM that automation uses, by any of these approaches and where none says otherwise. */
function addressesUsed(approaches: readonly Approach[]): (record: VmRecord) => readonly string[] {
  const different = [...new Map(approaches.map(approach => [approach.key, approach])).values()]
  return record =>
    [addressOf(record), ...different.map(({ choose }) => choose(record).address)].filter(address => address !== '')
}

function byGuest(address: string): Address {
  return { address, network: '', interface: '', source: 'agent', pod: false }
}

function lies(address: string, ranges: readonly [ipaddr.IPv4 | ipaddr.IPv6, number][]): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.parse(address)
  return ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))
}

function fits(wanted: readonly string[], value: string): boolean {
  return wanted.length === 0 || wanted.includes(value)
}
