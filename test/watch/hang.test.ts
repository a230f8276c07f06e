import { afterEach, beforeEach, expect, test } from 'vitest'
import { LISTS_AT_ONCE } from '../../src/kube/budget.ts'
import { anyRequest, isList } from '../../src/simulator/kube/faults.ts'
import { startWorld, TOKEN, type World } from '../kube/world.ts'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'
import { kubeconfig } from './place.ts'

/** Who waited for a cluster that hangs would wait for the 30 s that a request may take. */
const SOON = { timeout: 60_000, interval: 20 }

let stack: AsyncDisposableStack
let folder: string
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = stack.use(await temporaryFolder()).path
})
afterEach(() => stack.disposeAsync())

/** Clusters with a VM each, by these names, and what the configuration says of them. */
async function clustersOf(
  names: readonly string[],
): Promise<{ worlds: readonly World[]; clusters: readonly object[] }> {
  const worlds = await Promise.all(names.map(name => startWorld({}, { seed: name })))
  const clusters: object[] = []
  for (const [n, name] of names.entries()) {
    const world = worlds[n] as World
    stack.use(world).addVm('web')
    const text = kubeconfig({ name, url: world.server.url, token: TOKEN })
    clusters.push({ name, kubeconfig: await fileIn(folder, `kubeconfig-${name}`, text) })
  }
  return { worlds, clusters }
}

test.each([
  ['all that it is asked for', anyRequest],
  ['its lists', isList],
])(
  'of five clusters one hangs at %s: the other four are read, watched and told as if it were not there',
  async (_, match) => {
    // The first of them: whoever waited for it would wait for ever.
    const { worlds, clusters } = await clustersOf(['hangs', 'a', 'b', 'c', 'd'])
    worlds[0]?.server.faults.plant({ kind: 'hang' }, match)
    const bridge = stack.use(await startBridge(folder, { clusters }))
    const discovered = async (): Promise<readonly string[]> =>
      (await bridge.events())
        .filter(({ data }) => data.fact === 'discovered')
        .map(({ data }) => data.cluster.name)
        .sort()
    await expect.poll(discovered, SOON).toEqual(['a', 'b', 'c', 'd'])
    worlds[2]?.addVm('new')
    await expect.poll(() => bridge.facts('new.shop.b'), SOON).toEqual(['created'])
  },
)

test('five clusters are read at a start by 20 lists at once, of all together: no stampede', async () => {
  const { worlds, clusters } = await clustersOf(['a', 'b', 'c', 'd', 'e'])
  const waiting: (() => void)[] = []
  let [most, answered] = [0, 0]
  const until = async (): Promise<void> => {
    await new Promise<void>(resolve => {
      most = Math.max(most, waiting.push(resolve))
    })
    answered += 1
  }
  for (const { server } of worlds) server.faults.plant({ kind: 'wait', until }, isList)
  const bridge = stack.use(await startBridge(folder, { clusters }))
  await expect.poll(() => waiting.length, SOON).toBe(LISTS_AT_ONCE)
  // One is answered at a time, so that whoever may come has come.
  const all = async (): Promise<number> => {
    waiting.shift()?.()
    return (await bridge.events()).filter(({ data }) => data.fact === 'discovered').length
  }
  await expect.poll(all, SOON).toBe(5)
  expect(answered).toBeGreaterThan(LISTS_AT_ONCE)
  expect(most).toBe(LISTS_AT_ONCE)
})
