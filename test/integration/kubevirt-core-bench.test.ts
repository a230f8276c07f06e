import { expect, test } from 'vitest'
import { measure } from '../../bench/kubevirt-core/measure.ts'

test('the benchmark against kubevirt.core lists the same hosts in each way, and tells how far it is', async () => {
  const said: string[] = []
  const costs = await measure({ vms: 30, namespaces: 3 }, 1, line => said.push(line))
  for (const { hosts, seconds, processor, bytes } of Object.values(costs)) {
    expect(hosts).toBe(30)
    expect(Math.min(seconds, processor, bytes)).toBeGreaterThan(0)
  }
  expect(said).toContain('30 of 30 VMs are on the API server')
})
