import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { judge, promises } from '../chaos/load.ts'
import { Proxy } from '../chaos/proxy.ts'
import { storm } from '../chaos/storm.ts'
import { openIn } from '../log/kafka/place.ts'
import { startKafka } from '../servers/kafka.ts'
import { temporaryFolder } from '../support/bridge.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const SEEDS = Number(process.env['SEEDS'] ?? 5)
const FAULTS = Number(process.env['FAULTS'] ?? 8)

test(`${FAULTS} faults chosen by each of ${SEEDS} seeds (SEED=${SEED} and on) lose, double and invent nothing, and health says so`, async () => {
  await using stack = new AsyncDisposableStack()
  const kafka = stack.use(await startKafka({ nodes: 3, proxied: true }))
  const proxy = stack.use(await Proxy.before(kafka.proxied))
  const retry = { retries: 20, initialRetryTime: 100, maxRetryTime: 500 }
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING, retry }).admin()
  stack.defer(() => admin.disconnect())
  await admin.connect()
  for (let seed = SEED; seed < SEED + SEEDS; seed += 1) {
    await using folder = await temporaryFolder()
    const promised = promises(6)
    const weather = await storm({ kafka, proxy, admin, folder: folder.path }, promised, seed, FAULTS)
    await using log = await openIn(folder.path, kafka.brokers)
    const { wrong, repeated } = await judge(log, promised)
    const { faults, acknowledged, longestMs, rose } = weather
    console.log(
      `seed ${seed}  acknowledged ${acknowledged}  doubled ${repeated}  longest without ${(longestMs / 1_000).toFixed(1)} s  ` +
        `memory +${Math.round(rose / 1e6)} MB  (${faults.join(', ')})`,
    )
    expect({ seed, repeated, wrong: [...wrong, ...weather.wrong].slice(0, 20) }).toEqual({
      seed,
      repeated: 0,
      wrong: [],
    })
  }
})
