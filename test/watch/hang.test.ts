import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { startWorld, TOKEN } from '../kube/world.ts'
import { fileIn, startBridge, temporaryFolder } from '../support/bridge.ts'

/** Who waited for a cluster that hangs would wait for the 30 s that a request may take. */
const SOON = { timeout: 60_000, interval: 20 }

test('of five clusters one hangs: the other four are read, watched and told as if it were not there', async () => {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const names = ['a', 'b', 'c', 'd', 'hangs']
  const worlds = await Promise.all(names.map(() => startWorld({}, { seed: String(Math.random()) })))
  for (const world of worlds) stack.use(world)
  for (const world of worlds) world.addVm('web')
  worlds.at(-1)?.server.faults.plant({ kind: 'hang' })
  const clusters = await Promise.all(
    worlds.map(async ({ server }, n) => {
      const name = names[n] ?? ''
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'it',
        clusters: [{ name: 'it', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'it', user: { token: TOKEN } }],
        contexts: [{ name: 'it', context: { cluster: 'it', user: 'it' } }],
      }
      return { name, kubeconfig: await fileIn(folder.path, `kubeconfig-${name}`, stringify(config)) }
    }),
  )
  const bridge = stack.use(await startBridge(folder.path, { clusters }))
  const discovered = async (): Promise<readonly string[]> =>
    (await bridge.events())
      .filter(({ data }) => data.fact === 'discovered')
      .map(({ data }) => data.cluster.name)
      .sort()
  await expect.poll(discovered, SOON).toEqual(['a', 'b', 'c', 'd'])
  worlds[1]?.addVm('new')
  await expect.poll(() => bridge.facts('new.shop.b'), SOON).toEqual(['created'])
})
