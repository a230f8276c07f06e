import { assemble, change, type Circumstance, projectVm, projectVmi } from '../src/vm/index.ts'
import type { Measure } from './bench.ts'

export const name = 'fold'

const EVENTS = 50_000

/** From a line of a watch to its facts: parsing, projecting, comparing; against parsing the line alone. */
export async function* run(): AsyncIterable<Measure> {
  const vm = projectVm({
    metadata: { namespace: 'shop', name: 'web', uid: 'u', resourceVersion: '1' },
    spec: { runStrategy: 'Always' },
  })
  const line = Buffer.from(JSON.stringify({ type: 'MODIFIED', object: vmi() }))
  const floor = perSecond(() => JSON.parse(line.toString('utf8')))
  const circumstance: Circumstance = {
    now: 1,
    cluster: { name: 'prod-1', hub: '', uid: 'c' },
    adopting: false,
    origin: 'live',
    gap: false,
    burst: false,
    holds: { stopped: 20_000, reachable: 5_000, unreachable: 60_000, address: 10_000 },
  }
  let { record } = change(null, { vm, seen: assemble(vm, null, null) }, circumstance)
  const value = perSecond(() => {
    const { object } = JSON.parse(line.toString('utf8')) as { object: unknown }
    const next = change(record, { vm, seen: assemble(vm, projectVmi(object), record?.seen ?? null) }, circumstance)
    record = next.record
  })
  yield { what: 'watch line of 5 KB to facts', value, unit: 'events/s', floor, must: { of: 'ratio', atLeast: 0.25 } }
}

function perSecond(act: () => unknown): number {
  const began = performance.now()
  for (let event = 0; event < EVENTS; event += 1) act()
  return (EVENTS * 1000) / (performance.now() - began)
}

function vmi(): object {
  const conditions = ['Ready', 'LiveMigratable', 'DataVolumesReady', 'AgentConnected'].map(type => ({
    type,
    status: 'True',
    message: 'm'.repeat(200),
  }))
  return {
    metadata: {
      namespace: 'shop',
      name: 'web',
      uid: 'v',
      ownerReferences: [{ kind: 'VirtualMachine', uid: 'u' }],
      annotations: { note: 'n'.repeat(2500) },
    },
    spec: { networks: [{ name: 'default', pod: {} }], domain: { firmware: { uuid: 'f' } } },
    status: {
      phase: 'Running',
      nodeName: 'node-1',
      conditions,
      guestOSInfo: { id: 'rhel', name: 'Red Hat Enterprise Linux', versionId: '9.4' },
      interfaces: [
        {
          name: 'default',
          ipAddress: '10.0.0.7',
          ipAddresses: ['10.0.0.7', 'fe80::1'],
          infoSource: 'domain, guest-agent',
        },
      ],
    },
  }
}
