import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault, messageOf } from '../src/errors.ts'
import { rulebook } from '../test/servers/python-environment.ts'
import { kafkaVersion } from '../test/servers/kafka-jars.ts'
import { startKafka } from '../test/servers/kafka.ts'
import { runRulebook } from './demo-rulebook.ts'

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts')
const say = (line: string): void => console.error(`● ${line}`)

/**
 * `npm run demo`: `virtbridge demo`, and where `--kafka` names no brokers, on a Kafka of its own, which is the one that the tests
 * run against. With `--eda` a real ansible-rulebook reads the events from there and onboards. All of it, the topics and what the
 * demo remembered are gone at the end. The packed product has neither this nor that.
 */
async function demo(argv: readonly string[]): Promise<number> {
  const kafkaAt = argv.findIndex((word, n) => word === '--kafka' && isBare(argv, n))
  const edaAt = argv.findIndex((word, n) => word === '--eda' && isBare(argv, n))
  if (kafkaAt === -1 && edaAt === -1) return runMain(argv)
  const eda = edaAt !== -1
  if (eda && kafkaAt === -1 && argv.includes('--kafka'))
    throw new Fault('demo', '--eda brings a Kafka of its own', { hint: 'leave out --kafka' })
  if (eda && argv.some(word => word === '--dir' || word.startsWith('--dir=')))
    throw new Fault('demo', '--eda brings a Kafka of its own, and what the demo remembers goes with it', {
      hint: 'leave out --dir',
    })
  // What is missing of it is told before anything runs.
  if (eda) await rulebook({ say })
  await using stack = new AsyncDisposableStack()
  say(`no brokers are named: a Kafka ${kafkaVersion} is started, for this demo alone`)
  const kafka = stack.use(await startKafka())
  say(`Kafka is at ${kafka.brokers.join(', ')}`)
  const dir = await mkdtemp(join(tmpdir(), 'virtbridge-demo-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const rest = argv.filter((_, n) => n !== kafkaAt && n !== edaAt)
  // The log does not outlive its Kafka, so nothing else of the demo may.
  const own = ['--dir', dir, '--kafka', kafka.brokers.join(','), ...rest, '--fresh']
  const code = eda ? await withRulebook(own, dir, kafka.brokers[0] ?? '') : await runMain(own)
  say('Kafka is stopped, and what it held is removed')
  return code
}

/** The demo, and a rulebook beside it, which ends with it. */
async function withRulebook(argv: readonly string[], dir: string, broker: string): Promise<number> {
  const ready = join(dir, 'rulebook-reads')
  const ending = new AbortController()
  const beside = runRulebook({ dir, broker, ready, say, signal: ending.signal })
  // A demo that no rulebook reads would wait for ever.
  const failed = beside.then(
    () => ending.signal,
    () => AbortSignal.abort(),
  )
  const code = await runMain([...argv, '--eda', ready], failed)
  ending.abort()
  await beside
  say('the rulebook is stopped')
  return code
}

/** Whether an option stands without a value. */
function isBare(argv: readonly string[], at: number): boolean {
  return (argv[at + 1] ?? '--').startsWith('-')
}

/** Signals are the program's: it ends in its own time, and what it was given after it. It is ended when `stop` resolves with an aborted signal before. */
async function runMain(argv: readonly string[], stop?: Promise<AbortSignal>): Promise<number> {
  const child = spawn(process.execPath, [MAIN, 'demo', ...argv], { stdio: 'inherit' })
  // From a terminal it hears of Ctrl-C itself; from elsewhere only this process does.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  void stop?.then(signal => signal.aborted && child.kill('SIGTERM'))
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
