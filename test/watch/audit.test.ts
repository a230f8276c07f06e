import { afterEach, expect, test, vi } from 'vitest'
import { startWorld, TOKEN } from '../kube/world.ts'
import { fileIn, SHORT_HOLDS, startBridge, temporaryFolder } from '../support/bridge.ts'
import { kubeconfig } from './place.ts'

const PATIENT = { timeout: 60_000, interval: 20 }

afterEach(() => void vi.useRealTimers())

test('each cluster that is watched is audited after the time that the configuration says, half of it more or less', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder()).path
  const at = stack.use(await startWorld({ watch: { bookmarkEveryMs: 20 } }))
  const file = await fileIn(folder, 'kubeconfig', kubeconfig({ name: 'prod-1', url: at.server.url, token: TOKEN }))
  const clusters = [{ name: 'prod-1', kubeconfig: file }]
  const bridge = stack.use(await startBridge(folder, { clusters, watch: { ...SHORT_HOLDS, audit_hours: 2 } }))
  at.addVm('web')
  await expect.poll(() => bridge.facts('web.shop.prod-1'), PATIENT).not.toEqual([])
  const audits = async (): Promise<number> => {
    // Its audits of a second wait for one another.
    vi.advanceTimersByTime(1_000)
    const answer = await fetch(`${bridge.url}/metrics`, { headers: { authorization: `Bearer ${bridge.token}` } })
    const found = /^virtbridge_audits_total\{cluster="prod-1"\} (\d+)$/m.exec(await answer.text())
    return Number(found?.[1] ?? 0)
  }
  vi.advanceTimersByTime(3_500_000)
  at.addVm('early')
  await expect.poll(() => bridge.facts('early.shop.prod-1'), PATIENT).toEqual(['created'])
  expect(await audits()).toBe(0)
  vi.advanceTimersByTime(2 * 3_600_000)
  await expect.poll(audits, PATIENT).toBeGreaterThan(0)
})
