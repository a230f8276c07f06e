import { assemble, change, projectVm, projectVmi, type VmRecord } from '../../src/vm/index.ts'
import { lineOf } from '../watch/objects.ts'

/** Who asks. */
export const TOKEN = 'token-of-the-benchmark'
/** Namespaces that the VMs are in. */
export const NAMESPACES = 400
const TEMPLATE = 7

let template = ''

/**
 * The record of the VM `number`, as the watch would write it of objects of 11 KB: reachable, with labels of its own team and application,
 * one of 250 nodes, and an address of its own. Made from one that was projected; a hundred thousand of those would take minutes.
 */
export function recordOf(number: number, cluster = 'prod-1'): VmRecord {
  template ||= JSON.stringify(projected())
  const record = JSON.parse(template) as VmRecord
  const [uid, boot] = [uuid(number, 1), uuid(number, 2)]
  const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
  const labels = { ...record.seen.labels, app: `app-${number % 97}`, team: `team-${number % 31}` }
  const event = uuid(number, 3)
  return {
    ...record,
    cluster,
    namespace: `ns-${number % NAMESPACES}`,
    name: `vm-${number}`,
    uid,
    resource_version: String(1_000_000 + number),
    seen: {
      ...record.seen,
      labels,
      firmware_uuid: uuid(number, 4),
      boot,
      address,
      addresses: record.seen.addresses.map(each => ({ ...each, address })),
      node: `worker-${number % 250}.prod-a.example.com`,
    },
    told: { ...record.told, boot, address },
    last_event: event,
    last_of: { discovered: event },
  }
}

function projected(): VmRecord {
  const objectOf = (plural: string): Record<string, unknown> =>
    (JSON.parse(lineOf('ADDED', plural, TEMPLATE, 1, 'x')) as { object: Record<string, unknown> }).object
  const vm = projectVm(objectOf('virtualmachines'))
  const seen = assemble(vm, projectVmi(objectOf('virtualmachineinstances')), null)
  const { record } = change(
    null,
    { vm, seen },
    {
      now: 1_795_000_000_000,
      cluster: { name: 'prod-1', hub: '', uid: uuid(0, 0) },
      adopting: true,
      origin: 'bootstrap',
      gap: false,
      burst: false,
      holds: { stopped: 0, reachable: 0, unreachable: 0, address: 0 },
    },
  )
  if (record === null) throw new Error('a VM without a record')
  return record
}

function uuid(number: number, kind: number): string {
  const digits = [0, 1, 2, 3].map(part =>
    (Math.imul(number * 5 + kind + 1, 0x9e3779b1 + part * 0x7f4a7c15) >>> 0).toString(16).padStart(8, '0'),
  )
  const all = digits.join('')
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-4${all.slice(13, 16)}-8${all.slice(17, 20)}-${all.slice(20)}`
}
