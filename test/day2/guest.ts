import { type ClusterRecord, type ClusterStatus, newCluster } from '../../src/cluster/record.ts'
import type { Policy, RunHost } from '../../src/day2/index.ts'
import { addressOf } from '../../src/inventory/index.ts'
import { hostName, type Seen, type VmRecord, vmKey } from '../../src/vm/index.ts'

/** What a test may say of a guest; the rest is a Linux guest of `prod-1` that is news, runs and is reachable. */
export interface GuestWish {
  readonly cluster?: string
  readonly uid?: string
  readonly address?: string
  readonly adopted?: boolean
  readonly family?: string
  readonly told?: Partial<VmRecord['told']>
  readonly seen?: Partial<Seen>
}

/** The record of VM `name` in namespace `shop`. */
export function guest(name: string, wish: GuestWish = {}): VmRecord {
  const uid = wish.uid ?? `uid-${name}`
  const address = wish.address ?? addressFor(name)
  return {
    schema: 1,
    cluster: wish.cluster ?? 'prod-1',
    hub: 'hub1',
    cluster_uid: `uid-${wish.cluster ?? 'prod-1'}`,
    namespace: 'shop',
    name,
    uid,
    resource_version: '1',
    adopted: wish.adopted ?? false,
    known_since: Date.UTC(2026, 10, 21),
    seen: {
      created_at: 0,
      run_strategy: 'Always',
      status: 'Running',
      labels: {},
      instancetype: '',
      firmware_uuid: `firmware-${uid}`,
      os: { family: wish.family ?? 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '9.4' },
      boot: `boot-of-${uid}`,
      phase: 'Running',
      paused: false,
      node: 'n1',
      agent_connected: true,
      addresses: [{ address, network: 'default', interface: 'eth0', source: 'platform', pod: true }],
      address,
      migration: '',
      ...wish.seen,
    },
    told: { boot: `boot-of-${uid}`, reachable: true, address, ...wish.told },
    waiting: [],
    last_event: `event-of-${uid}`,
    last_of: {},
  }
}

/** `web-7` has the address 10.1.0.7, `web-257` has 10.1.1.1. */
function addressFor(name: string): string {
  const number = Number(/\d+$/.exec(name)?.[0] ?? '250')
  return `10.1.${number >> 8}.${number & 255}`
}

/** A VM as a run means it. */
export function meant(record: VmRecord): RunHost {
  return { host: hostName(record), key: vmKey(record), uid: record.uid, address: addressOf(record) }
}

export function hostOf(name: string): string {
  return `${name}.shop.prod-1`
}

export function cluster(name = 'prod-1', status: ClusterStatus = 'synced'): ClusterRecord {
  return { ...newCluster(name, 'hub1'), uid: `uid-${name}`, adopted_at: 1, status, heartbeat: Number.MAX_SAFE_INTEGER }
}

export const POLICY: Policy = {
  verb: 'onboard',
  template: 'Day2 | Onboard',
  driver: 'bridge',
  os: ['linux'],
  coalesceMs: 5_000,
  maxHosts: 50,
  maxJobs: 4,
  caps: { jobsPerTemplate: 100, hostsPerCluster: 10_000, hostsPerNode: 10_000 },
  brake: { hosts: 20, perMs: 600_000 },
}

/** A UUID that tells its number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}
