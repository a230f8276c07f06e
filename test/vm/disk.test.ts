import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { projectDisk } from '../../src/vm/index.ts'

const running = (reason: string, message = '', status = 'False'): object => ({
  type: 'Running',
  status,
  reason,
  message,
})
const quota = { type: 'Bound', status: 'Unknown', reason: 'ErrExceededQuota', message: 'exceeded quota: storage' }

test.each<[title: string, phase: string, conditions: readonly object[], trouble: string]>([
  ['is filled', 'Succeeded', [running('Completed')], ''],
  ['is being imported', 'ImportInProgress', [running('Pod is running', '', 'True')], ''],
  ['waits for its first use', 'WaitForFirstConsumer', [], ''],
  ['waits to be filled', 'PendingPopulation', [], ''],
  ['is paused between two copies of a migration', 'Paused', [running('Completed')], ''],
  ['failed', 'Failed', [], 'Failed'],
  [
    'can not be downloaded',
    'ImportInProgress',
    [running('Error', 'got 404. Status: Not Found')],
    'got 404. Status: Not Found',
  ],
  ['has an importer that can not be pulled', 'ImportScheduled', [running('ImagePullFailed')], 'ImagePullFailed'],
  ['is beyond the quota, which the VM never says', 'Pending', [quota], 'exceeded quota: storage'],
  ['failed, and says why', 'Failed', [running('Error', 'no space')], 'no space'],
])('a DataVolume that %s', (_, phase, conditions, trouble) => {
  const owner = { kind: 'VirtualMachine', name: 'web-1', uid: 'vm-1' }
  const metadata = { namespace: 'shop', name: 'root', ownerReferences: [owner] }
  const part = projectDisk({ metadata, status: { phase, progress: '45.30%', conditions } })
  expect(part).toEqual({
    key: 'shop/root',
    vm: 'shop/web-1',
    owner: 'vm-1',
    trouble: trouble === '' ? '' : `root: ${trouble}`,
  })
})

test('a DataVolume that nobody promised anything of breaks nothing', () => {
  fc.assert(
    fc.property(fc.anything(), object => {
      expect(projectDisk(object).trouble).toBeTypeOf('string')
    }),
  )
})
