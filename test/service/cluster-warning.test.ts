import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type ClusterRecord, newCluster } from '../../src/cluster/index.ts'
import { warnOfClusters } from '../../src/service/cluster-warning.ts'
import type { FleetChange, FleetView } from '../../src/fleet/index.ts'

const FRESH = newCluster('prod-1', '', [])
const AWAY = { ...FRESH, reason: 'connect ECONNREFUSED', hint: 'check the URL', cause: 'unreachable' } as const
const FORBIDDEN = { ...AWAY, status: 'unavailable', reason: 'may not list', hint: 'bind the role' } as const
const WELL = { ...FRESH, status: 'synced' } as const

test.each<[string, readonly (ClusterRecord | null)[], readonly string[]]>([
  ['one that was not looked at yet', [FRESH], []],
  ['one that is read', [FRESH, WELL, { ...WELL, heartbeat: 5 }], []],
  [
    'one that does not answer, and goes on so',
    [AWAY, { ...AWAY, heartbeat: 5 }],
    ['connect ECONNREFUSED: check the URL'],
  ],
  [
    'one that does not answer, then refuses, then is read',
    [AWAY, FORBIDDEN, WELL],
    ['connect ECONNREFUSED: check the URL', 'may not list: bind the role', 'a cluster is read again'],
  ],
  [
    'one that goes away once more',
    [AWAY, WELL, AWAY],
    ['connect ECONNREFUSED: check the URL', 'a cluster is read again', 'connect ECONNREFUSED: check the URL'],
  ],
  ['one without KubeVirt', [{ ...AWAY, no_kubevirt_since: 5 }], []],
  [
    'one that is left out, in trouble',
    [AWAY, { ...AWAY, status: 'out_of_scope' }, null],
    ['connect ECONNREFUSED: check the URL'],
  ],
])('%s', (_, records, said) => {
  const lines: { reason?: string; hint?: string; msg: string }[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) })
  const listeners = new Set<(change: FleetChange) => void>()
  const fleet: Pick<FleetView, 'subscribe'> = {
    subscribe: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const end = warnOfClusters(fleet, logger)
  for (const after of records) for (const tell of listeners) tell({ kind: 'cluster', name: 'prod-1', after })
  end()
  expect(listeners.size).toBe(0)
  expect(lines.map(({ reason, hint, msg }) => (reason === undefined ? msg : `${reason}: ${hint}`))).toEqual(said)
})
