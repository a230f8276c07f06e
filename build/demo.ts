import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault, messageOf } from '../src/errors.ts'
import { kafkaVersion } from '../test/servers/kafka-jars.ts'
import { startKafka } from '../test/servers/kafka.ts'

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts')
const say = (line: string): void => console.error(`● ${line}`)

/**
 * `npm run demo`: `virtbridge demo`, and where `--kafka` names no brokers, on a Kafka of its own, which is the one that the tests
 * run against. It, the topics and all that the demo remembered are gone at the end. The packed product has neither this nor that.
 */
async function demo(argv: readonly string[]): Promise<number> {
  const at = argv.findIndex((word, n) => word === '--kafka' && (argv[n + 1] ?? '--').startsWith('-'))
  if (at === -1) return runMain(argv)
  await using stack = new AsyncDisposableStack()
  say(`no brokers are named: a Kafka ${kafkaVersion} is started, for this demo alone`)
  const kafka = stack.use(await startKafka())
  say(`Kafka is at ${kafka.brokers.join(', ')}`)
  const dir = await mkdtemp(join(tmpdir(), 'virtbridge-demo-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const rest = argv.toSpliced(at + 1, 0, kafka.brokers.join(','))
  // The log does not outlive its Kafka, so nothing else of the demo may.
  const code = await runMain(['--dir', dir, ...rest, '--fresh'])
  say('Kafka is stopped, and what it held is removed')
  return code
}

/** Signals are the program's: it ends in its own time, and what it was given after it. */
async function runMain(argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [MAIN, 'demo', ...argv], { stdio: 'inherit' })
  // From a terminal it hears of Ctrl-C itself; from elsewhere only this process does.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

try {
  process.exitCode = await demo(process.argv.slice(2))
} catch (error) {
  console.error(`virtbridge: ${messageOf(error)}`)
  if (error instanceof Fault && error.hint !== '') console.error(`  ${error.hint}`)
  process.exitCode = 1
}
