import { expect, test } from 'vitest'
import { admit } from '../../src/day2/admission.ts'
import { Ledger } from '../../src/day2/index.ts'
import { hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { fleetOf, runningRecord } from '../support/fleet.ts'

const windows = (record: VmRecord): VmRecord => ({
  ...record,
  seen: { ...record.seen, os: { family: 'windows', id: 'mswindows', name: '', version: '10' } },
})

test('a verb runs only on the operating systems it is for, whoever asks', () => {
  const fleet = fleetOf(1, 0)
  const desktop = windows(runningRecord(7))
  fleet.apply({ key: vmKey(desktop), value: desktop })
  const asked = [hostName(runningRecord(0)), hostName(desktop)]

  const { hosts, refused } = admit(asked, {
    byHost: host => fleet.byHost(host),
    clusters: fleet.clusters,
    ledger: new Ledger(),
    os: ['linux'],
  })

  expect(hosts.map(host => host.host)).toEqual([hostName(runningRecord(0))])
  expect([...refused]).toEqual([[hostName(desktop), 'its OS (windows) is not one the verb is for']])
})
