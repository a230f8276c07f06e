import { type Command, InvalidArgumentError, Option } from 'commander'
import { fileChanges, loadConfig } from '../config/index.ts'
import type { ConfigSource } from '../service/reload.ts'
import { until } from '../waiting.ts'
import type { ProgramContext } from './context.ts'
import { EXIT, type SetCode } from './exit.ts'
import { paint } from './terminal.ts'

// The service and what it needs take most of a second to load: only the commands that run it wait for that.
const telemetry = (): Promise<typeof import('../telemetry/index.ts')> => import('../telemetry/index.ts')

/** A changed configuration counts when it stayed as it is for so long, in ms. */
const SETTLE_MS = 250
/** Where nothing tells that a file changed, it is looked at this often, in ms. */
const LOOK_MS = 30_000

interface DemoArguments {
  readonly fresh?: boolean
  readonly exitWhenDone?: boolean
  readonly dir: string
  readonly port: number
  readonly speed: number
  readonly kafka: string | boolean
  readonly eda: string | boolean
}

/** The commands that run a bridge, or look at what one would run on: `serve`, `demo`, `check`. */
export function serviceCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
  const { terminal, env, signal, now, newId, onHangup: onAsked } = context
  const file = new Option('-c, --config <file>', 'the configuration').default('virtbridge.yaml')
  program
    .command('serve')
    .description('watch the clusters, serve the inventory, dispatch jobs')
    .addOption(file)
    .action(async ({ config: path }: { config: string }) => {
      const config = loadConfig(path, env)
      const [{ startService }, { createLogger }] = await Promise.all([import('../service.ts'), telemetry()])
      const logger = createLogger({ level: config.telemetry.log_level, people: terminal.interactive })
      const source: ConfigSource = {
        load: () => loadConfig(path, env),
        changes: stopped => fileChanges(path, { settleMs: SETTLE_MS, everyMs: LOOK_MS, signal: stopped, onAsked }),
      }
      await using service = await startService(config, { env, logger, now, newId }, source)
      await Promise.race([until(null, signal), service.ended])
      logger.info('closing')
    })
  program
    .command('demo')
    .description('show the main job on simulated clusters and a simulated controller; goes on where it was')
    .option('--fresh', 'forget what was')
    .option('--exit-when-done', 'end when the story is told: 0 when all of it came true, else 1')
    .option('--dir <dir>', 'where it remembers', '.demo')
    .option('--port <port>', 'where virtbridge listens, if it is free', port, 8080)
    .option('--speed <factor>', '2 is twice as fast', factor, 1)
    .option('--kafka [brokers]', 'keep the log on these brokers (host:port, separated by commas), not in a file', '')
    .option('--eda [file]', 'leave onboarding to a rulebook; the story begins when this file is there', '')
    .action(async (options: DemoArguments) => {
      if (options.kafka === true) program.error(`error: ${NO_BROKERS}`, { exitCode: EXIT.usage })
      if (options.eda === true) program.error(`error: ${NO_RULEBOOK}`, { exitCode: EXIT.usage })
      const [{ runDemo }, { createLogger }] = await Promise.all([import('../demo/demo.ts'), telemetry()])
      // What the demo asks of its own bridge is no news to who watches it.
      const logger = createLogger({ level: 'warn', people: true, unaudited: true })
      const { dir, fresh = false, exitWhenDone = false } = options
      const kafka = typeof options.kafka === 'string' && options.kafka !== '' ? options.kafka.split(',') : []
      const eda = typeof options.eda === 'string' ? options.eda : ''
      const { port, speed } = options
      await runDemo(
        { dir, fresh, exitWhenDone, kafka, eda, port, speed },
        { env, logger, now, newId, terminal, signal },
      )
    })
  program
    .command('check')
    .description('tell line by line what works and what does not; changes nothing')
    .addOption(file)
    .option('--json', 'for programs')
    .action(async ({ config: path, json = false }: { config: string; json?: boolean }) => {
      const findings = []
      const { check } = await import('../check/check.ts')
      for await (const finding of check({ config: loadConfig(path, env), env, now, signal })) {
        findings.push(finding)
        if (json) continue
        const mark = {
          ok: paint(terminal, 'green', 'ok  '),
          warn: paint(terminal, 'yellow', 'warn'),
          fail: paint(terminal, 'red', 'FAIL'),
        }[finding.result]
        terminal.out(`${mark}  ${finding.what}: ${finding.detail}`)
        if (finding.hint !== '') terminal.out(`      ${paint(terminal, 'dim', finding.hint)}`)
      }
      if (json) terminal.out(JSON.stringify(findings))
      if (findings.some(finding => finding.result === 'fail')) setCode(EXIT.found)
    })
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new InvalidArgumentError('A port is a number from 0 to 65535.')
}

function factor(text: string): number {
  if (/^\d{1,3}([.]\d{1,3})?$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('A factor is a number above 0, as 2 or 0.5.')
}

const NO_RULEBOOK =
  '--eda wants a file that says that a rulebook reads the events, which somebody else runs; only in a checkout, npm run demo -- --eda runs one'
const NO_BROKERS =
  '--kafka wants the brokers of a Kafka, as in --kafka 127.0.0.1:9092; only in a checkout, npm run demo -- --kafka starts one of its own'
