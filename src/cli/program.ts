import { Command, CommanderError, Option } from 'commander'
import { loadConfig, readSecret } from '../config/index.ts'
import { Fault } from '../errors.ts'
import { VERSION } from '../version.ts'
import { until } from '../waiting.ts'
import { type Api, openApi } from './api.ts'
import { printEvents } from './events.ts'
import { confirmDeletions } from './deletions.ts'
import { listClusters, listVms, printExplanation } from './fleet.ts'
import { printInventory, printWhy } from './inventory.ts'
import { confirmLoss, listLosses } from './losses.ts'
import { listRuns, showRun, startRun } from './run.ts'
import { paint } from './terminal.ts'
import type { ProgramContext } from './context.ts'

/** The exit codes of every command. */
export const EXIT = { ok: 0, fault: 1, usage: 2, found: 3, runNotOk: 4 } as const

/** Runs one command line and resolves with its exit code. Faults are printed as one sentence and a next step. */
export async function runProgram(argv: readonly string[], context: ProgramContext): Promise<number> {
  const result = { code: EXIT.ok as number }
  const program = build(context, code => {
    result.code = code
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return result.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (!(error instanceof Fault)) throw error
    const { terminal } = context
    terminal.err(`${paint(terminal, 'red', 'virtbridge:')} ${error.message}`)
    if (error.hint !== '') terminal.err(`  ${paint(terminal, 'dim', error.hint)}`)
    return EXIT.fault
  }
}

type SetCode = (code: number) => void

// The service and what it needs take most of a second to load: only the commands that run it wait for that.
const telemetry = (): Promise<typeof import('../telemetry/index.ts')> => import('../telemetry/index.ts')

function build(context: ProgramContext, setCode: SetCode): Command {
  const { terminal } = context
  const program = new Command('virtbridge')
    .description('Connects a fleet of KubeVirt VMs to the Ansible Automation Platform: events, inventory, day-2 jobs')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(virtbridge --help lists the commands)')
    .configureOutput({ writeOut: text => terminal.out(text.trimEnd()), writeErr: text => terminal.err(text.trimEnd()) })
    .addHelpText('after', HELP)
  serveCommands(program, context, setCode)
  topicsCommand(program, context, setCode)
  logCommands(program, context)
  logCopyCommand(program, context)
  fleetCommands(program, context, setCode)
  lossCommands(program, context)
  runCommands(program, context, setCode)
  return program
}

const HELP = `
Exit codes: 0 well, 1 a fault (one sentence says which), 2 wrong usage, 3 check found something that does not work, or
a host that was asked about is not in the inventory, 4 a run ended with a host that is not ok.

Commands that ask a running bridge take --url and --token-file, or VIRTBRIDGE_URL and VIRTBRIDGE_TOKEN.`

interface DemoArguments {
  readonly fresh?: boolean
  readonly exitWhenDone?: boolean
  readonly dir: string
  readonly port: string
  readonly speed: string
  readonly kafka: string | boolean
}

function serveCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
  const { terminal, env, signal, now, newId } = context
  const file = new Option('-c, --config <file>', 'the configuration').default('virtbridge.yaml')
  program
    .command('serve')
    .description('watch the clusters, serve the inventory, dispatch jobs')
    .addOption(file)
    .action(async ({ config: path }: { config: string }) => {
      const config = loadConfig(path)
      const [{ startService }, { createLogger }] = await Promise.all([import('../service.ts'), telemetry()])
      const logger = createLogger({ level: config.telemetry.log_level, people: terminal.interactive })
      await using service = await startService(config, { env, logger, now, newId })
      await Promise.race([until(null, signal), service.ended])
      logger.info('closing')
    })
  program
    .command('demo')
    .description('show the main job on simulated clusters and a simulated controller; goes on where it was')
    .option('--fresh', 'forget what was')
    .option('--exit-when-done', 'end when the story is told: 0 when all of it came true, else 1')
    .option('--dir <dir>', 'where it remembers', '.demo')
    .option('--port <port>', 'where virtbridge listens, if it is free', '8080')
    .option('--speed <factor>', '2 is twice as fast', '1')
    .option('--kafka [brokers]', 'keep the log on these brokers (host:port, separated by commas), not in a file', '')
    .action(async (options: DemoArguments) => {
      if (options.kafka === true) program.error(`error: ${NO_BROKERS}`, { exitCode: EXIT.usage })
      const [{ runDemo }, { createLogger }] = await Promise.all([import('../demo/demo.ts'), telemetry()])
      const logger = createLogger({ level: 'warn', people: true })
      const { dir, fresh = false, exitWhenDone = false } = options
      const kafka = typeof options.kafka === 'string' && options.kafka !== '' ? options.kafka.split(',') : []
      const settings = { dir, fresh, exitWhenDone, kafka, port: Number(options.port), speed: Number(options.speed) }
      await runDemo(settings, { env, logger, now, newId, terminal, signal })
    })
  program
    .command('check')
    .description('tell line by line what works and what does not; changes nothing')
    .addOption(file)
    .option('--json', 'for programs')
    .action(async ({ config: path, json = false }: { config: string; json?: boolean }) => {
      const findings = []
      const { check } = await import('../check.ts')
      for await (const finding of check({ config: loadConfig(path), env, now, signal })) {
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

const NO_BROKERS =
  '--kafka wants the brokers of a Kafka, as in --kafka 127.0.0.1:9092; only in a checkout, npm run demo -- --kafka starts one of its own'

function topicsCommand(program: Command, { terminal, env }: ProgramContext, setCode: SetCode): void {
  program
    .command('topics')
    .description('show the topics of a log on Kafka, and what is wrong with them')
    .addOption(new Option('-c, --config <file>', 'the configuration').default('virtbridge.yaml'))
    .option('--create', 'create those that are missing; those that exist are never changed')
    .option('--acls', 'print the commands that give its user the rights it needs')
    .option('--json', 'for programs')
    .action(async (options: { config: string; create?: boolean; acls?: boolean; json?: boolean }) => {
      const { create = false, acls = false, json = false } = options
      const { showTopics } = await import('./topics.ts')
      const ok = await showTopics(loadConfig(options.config).log, { create, acls, json }, env, terminal)
      if (!ok) setCode(EXIT.found)
    })
}

function logCommands(program: Command, context: ProgramContext): void {
  program
    .command('backup <file>')
    .description('copy the log into a file, also while the bridge runs')
    .addOption(new Option('-c, --config <file>', 'the configuration').default('virtbridge.yaml'))
    .option('--force', 'replace the file when it is there')
    .option('--json', 'for programs')
    .action(async (file: string, options: { config: string; force?: boolean; json?: boolean }) => {
      const { force = false, json = false } = options
      const { backUp } = await import('./backup.ts')
      await backUp(loadConfig(options.config).log, { file, force, json }, context)
    })
}

function logCopyCommand(program: Command, context: ProgramContext): void {
  program
    .command('log')
    .description('the log as a whole')
    .command('copy')
    .description('carry a SQLite log to the log on Kafka of the configuration; interrupted, it goes on where it was')
    .requiredOption('--from <file>', 'the SQLite log that no bridge writes, or a copy of it')
    .addOption(new Option('-c, --config <file>', 'the configuration').default('virtbridge.yaml'))
    .option('--yes', 'no bridge has run since the copy was made')
    .option('--json', 'for programs')
    .action(async (options: { from: string; config: string; yes?: boolean; json?: boolean }) => {
      const { from, yes = false, json = false } = options
      const { copyToKafka } = await import('./log-copy.ts')
      await copyToKafka(loadConfig(options.config).log, { from, yes, json }, context)
    })
}

/** A command that asks a running bridge. */
function asking(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--url <url>', 'where the bridge listens (VIRTBRIDGE_URL)')
    .option('--token-file <file>', 'a file with the token (VIRTBRIDGE_TOKEN has the token itself)')
}

interface Asking {
  readonly url?: string
  readonly tokenFile?: string
}

function fleetCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
  const { terminal, signal } = context
  asking(program, 'vms', 'list the VMs that are known')
    .option('--json', 'for programs')
    .action((options: Asking & { json?: boolean }) =>
      listVms(connect(options, context), options.json ?? false, terminal),
    )
  asking(program, 'clusters', 'list the clusters, and what is wrong with them')
    .option('--json', 'for programs')
    .action((options: Asking & { json?: boolean }) =>
      listClusters(connect(options, context), options.json ?? false, terminal),
    )
  asking(program, 'inventory', 'print the inventory that AAP gets')
    .option('--list', 'the whole of it, as Ansible asks a script')
    .option('--host <host>', 'the variables of one host', '')
    .option('--view <name>', 'of a view, not of the whole fleet', '')
    .option('--why <host>', 'say why a host is in it or not, enabled or not, and in its groups', '')
    .option('--json', 'with --why: for programs')
    .action(async (options: Asking & { host: string; view: string; why: string; json?: boolean }) => {
      const api = connect(options, context)
      const { host, view, why, json = false } = options
      if (why === '') return printInventory(api, { host, view }, terminal)
      if (!(await printWhy(api, { host: why, view, json }, terminal))) setCode(EXIT.found)
    })
  asking(program, 'explain <host>', 'say why a VM is as it is, in the inventory and in day 2')
    .option('--json', 'for programs')
    .action((host: string, options: Asking & { json?: boolean }) =>
      printExplanation(connect(options, context), host, options.json ?? false, terminal),
    )
  asking(program, 'events', 'print events')
    .addOption(new Option('--stream <stream>', 'which').choices(['vm', 'cluster', 'day2', 'dead']).default('vm'))
    .option('--after <position>', 'only those after this position; "now" for new ones alone', '0')
    .option('--limit <n>', 'at most so many, when not following', '100')
    .option('-f, --follow', 'go on as they come')
    .option('--json', 'for programs: a CloudEvent a line, a dead letter a line')
    .action((options: Asking & { stream: string; after: string; limit: string; follow?: boolean; json?: boolean }) =>
      printEvents(
        connect(options, context),
        { ...options, follow: options.follow ?? false, json: options.json ?? false },
        terminal,
        signal,
      ),
    )
  asking(
    program,
    'confirm-deletions <cluster>',
    'show which VMs a held cluster lacks, and say that they are really gone',
  )
    .option('--digest <digest>', 'what an earlier look showed: confirms these VMs and no others', '')
    .option('--yes', 'do not ask; needs --digest')
    .option('--json', 'for programs: shows, and confirms nothing without --digest')
    .action(async (name: string, options: Asking & { digest: string; yes?: boolean; json?: boolean }) => {
      const settings = { digest: options.digest, yes: options.yes ?? false, json: options.json ?? false }
      const done = await confirmDeletions(connect(options, context), name, settings, terminal)
      if (!done) throw new Fault('declined', 'nothing was changed', { hint: 'say yes, or give --yes in a script' })
    })
}

function lossCommands(program: Command, context: ProgramContext): void {
  const { terminal } = context
  asking(program, 'losses', 'list what the log lost and nobody has confirmed')
    .option('--json', 'for programs')
    .action((options: Asking & { json?: boolean }) =>
      listLosses(connect(options, context), options.json ?? false, terminal),
    )
  const loss = program.command('loss').description('say something about one loss')
  asking(loss, 'confirm <stream>', 'its records are gone, and that is known; of the ledger: launches may go on')
    .option('--yes', 'do not ask')
    .action(async (stream: string, options: Asking & { yes?: boolean }) => {
      const done = await confirmLoss(connect(options, context), stream, options.yes ?? false, terminal)
      if (!done) throw new Fault('declined', 'nothing was changed', { hint: 'say yes, or give --yes in a script' })
    })
}

function runCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
  const { terminal, signal } = context
  asking(program, 'run <verb>', 'launch a verb (onboard, patch) on some hosts, and follow it')
    .requiredOption('-l, --limit <hosts>', 'host names, separated by commas')
    .option('--reason <text>', 'why; it is recorded', '')
    .option('--key <key>', 'an idempotency key: the same key starts the same run once', '')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'print the id and leave')
    .option('--json', 'for programs')
    .action(
      async (
        verb: string,
        options: Asking & { limit: string; reason: string; key: string; yes?: boolean; wait: boolean; json?: boolean },
      ) => {
        const settings = { ...options, yes: options.yes ?? false, json: options.json ?? false }
        const ok = await startRun(connect(options, context), verb, settings, terminal, signal)
        if (!ok) setCode(EXIT.runNotOk)
      },
    )
  const runs = asking(program, 'runs', 'list the latest runs')
    .option('--json', 'for programs')
    .action((options: Asking & { json?: boolean }) =>
      listRuns(connect(options, context), options.json ?? false, terminal),
    )
  asking(runs, 'show <id>', 'one run, host by host')
    .option('--json', 'for programs')
    .action((id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Asking & { json?: boolean }>()
      return showRun(connect(options, context), id, options.json ?? false, terminal)
    })
}

function connect(options: Asking, context: ProgramContext): Api {
  const url = options.url ?? context.env['VIRTBRIDGE_URL'] ?? 'http://127.0.0.1:8080'
  return openApi({ url, token: tokenOf(options, context.env) })
}

function tokenOf(options: Asking, env: ProgramContext['env']): string {
  const token =
    options.tokenFile === undefined ? env['VIRTBRIDGE_TOKEN']?.trim() : readSecret({ file: options.tokenFile }, env)
  if (token === undefined || token === '')
    throw new Fault('no_token', 'no token is given', { hint: 'set VIRTBRIDGE_TOKEN, or give --token-file' })
  // What can not stand in a header would be repeated in the message of who refuses it there.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new Fault('bad_token', 'the token has characters that none has', {
      hint: 'give the token alone, on one line',
    })
  return token
}
