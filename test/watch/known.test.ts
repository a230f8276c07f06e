import { expect, test } from 'vitest'
import { newCluster } from '../../src/cluster/index.ts'
import { Stock } from '../../src/service/watch/stock.ts'
import { dying, openLog } from '../cluster/bridge.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { runningRecord } from '../support/fleet.ts'

test('the log is read once for all clusters, and not again for one that left and comes back', async () => {
  await using folder = await temporaryFolder()
  await using log = await openLog(folder.path)
  const vm = runningRecord(1, 'prod-1')
  const key = `${vm.namespace}/${vm.name}`
  await log.append([
    { stream: 'state.fleet', key: 'prod-1', value: { ...newCluster('prod-1', 'hub1'), vms: 1 } },
    { stream: 'state.fleet', key: `prod-1/${key}`, value: vm },
  ])
  let reads = 0
  const counted = { ...dying(log, { when: () => false, durable: true }) }
  counted.latest = stream => {
    reads += 1
    return log.latest(stream)
  }

  const stock = await Stock.read(counted)
  expect([stock.has('prod-1'), stock.has('dev-1')]).toEqual([true, false])
  const known = await stock.take('prod-1')
  expect([known.cluster?.vms, [...known.records.keys()], reads]).toEqual([1, [key], 1])
  const none = await stock.take('dev-1')
  expect([none.cluster, [...none.records], reads]).toEqual([null, [], 1])

  stock.keep('prod-1', { ...known, cluster: { ...newCluster('prod-1', 'hub1'), vms: 2 } })
  expect([(await stock.take('prod-1')).cluster?.vms, reads]).toEqual([2, 1])
  expect([(await stock.take('prod-1')).cluster?.vms, reads, stock.has('prod-1')]).toEqual([1, 2, true])
})
