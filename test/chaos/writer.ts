import { LogError } from '../../src/log/index.ts'
import { openIn } from '../log/kafka/place.ts'
import { eventOf } from './load.ts'

/**
 * A writer to be killed or paused: `node writer.ts FOLDER BROKERS KEYS`. Appends to each key from where its state stands on, and prints
 * `open`, `KEY N` for each that was acknowledged, and `ended REACTION` when it may write no more.
 */
const [folder = '', brokers = '', keys = ''] = process.argv.slice(2)
const log = await openIn(folder, brokers.split(','))
const known = new Map<string, number>()
for await (const { key, value } of log.latest('state.fleet')) known.set(key, (value as { n: number }).n)
process.stdout.write('open\n')
await Promise.all(
  keys.split(',').map(async key => {
    for (let n = (known.get(key) ?? 0) + 1; ; n += 1) {
      try {
        await log.append([
          { stream: 'events.vm', key, value: eventOf(key, n) },
          { stream: 'state.fleet', key, value: { n } },
        ])
      } catch (error) {
        process.stdout.write(`ended ${error instanceof LogError ? error.reaction : String(error)}\n`)
        return
      }
      process.stdout.write(`${key} ${n}\n`)
    }
  }),
)
process.exit(0)
