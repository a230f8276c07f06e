import { expect, test } from 'vitest'
import { openController } from '../../src/aap/index.ts'
import { loadObjects, startSimulatedController, virtualClock } from '../../src/simulator/controller/index.ts'
import { watchToken } from '../../src/service/dispatch/token-watch.ts'

const DAY = 86_400_000
const TOKEN = 'a-token-of-the-test'

test('a token that ends soon is told of twice a day, also past trouble of the controller, until there is another one', async () => {
  const clock = virtualClock()
  const began = clock.now()
  await using controller = await startSimulatedController({
    objects: loadObjects([]),
    clock,
    tokens: { [TOKEN]: { user: 'virtbridge', scope: 'write', description: 'virtbridge', expires: began + 31 * DAY } },
  })
  await using client = openController({ url: controller.url, token: () => TOKEN, requestTimeoutMs: 5_000 })
  const stop = new AbortController()
  const told: string[] = []
  let looks = 0
  await watchToken(client, {
    now: () => clock.now(),
    signal: stop.signal,
    warn: warning =>
      told.push(`${((clock.now() - began) / DAY).toFixed(1)}: ${/\((.*)\)/.exec(warning)?.[1] ?? warning}`),
    rest: async ms => {
      looks += 1
      // What it meets at its sixth look is trouble, at its seventh a token that goes on for ever.
      if (looks === 5) controller.faults.add({}, { kind: 'server-error' }, 10)
      if (looks === 6) {
        controller.faults.clear()
        for (const token of controller.store.tokens.all()) token.expires = began + 1_000 * DAY
      }
      if (looks === 8) stop.abort()
      await clock.advance(ms)
    },
  })
  expect(looks).toBe(8)
  expect(told).toEqual(['1.5: 29 days', '2.0: 29 days'])
})
