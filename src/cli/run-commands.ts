import { type Command, Option } from 'commander'
import { Fault } from '../errors.ts'
import { addressOf, type Asking, asking, connect, narrowing } from './asking.ts'
import { releaseBrake, showBrake } from './brake.ts'
import type { ProgramContext } from './context.ts'
import { EXIT, type SetCode } from './exit.ts'
import { exportHistory, historyOf, type Which } from './history.ts'
import { cancelRun, listRuns, showRun, startRun } from './run.ts'
import { secretsOf, type SecretsSaid, sourcesOf } from './secrets.ts'
import type { Selection } from './selection.ts'
import { variablesOf, type VariablesSaid } from './variables.ts'

/** The commands about what is done to guests: `run`, `runs` with `show`, `cancel`, `of` and `export`, `brake` with `release`. */
export function runCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
  const { terminal, signal } = context
  const run = asking(program, 'run', 'launch a verb on some hosts, and follow it')
    .argument('<verb>', 'as the configuration names it, or the name of its job template: patch, "Day2 | Patch"')
    .option('-l, --limit <hosts>', 'host names, separated by commas', narrowing, '')
    .option('--view <name>', 'the hosts of a view of the inventory', narrowing, '')
    .option('--profile <name>', 'the VMs of a profile, and of those below it', narrowing, '')
    .option(
      '--selector <labels>',
      'the VMs with these labels, as kubectl takes them: app=web,tier in (a, b)',
      narrowing,
      '',
    )
    .option('--cluster <name>', 'the VMs of a cluster', narrowing, '')
    .option('--namespace <name>', 'the VMs of a namespace', narrowing, '')
    .option('--var <name=value>', 'a variable of the job; JSON is taken as such, again for more', collected, [])
    .option('--vars-file <file>', 'variables of the job, as YAML or JSON', '')
    .option('--secret <name>', 'a variable that nobody may read: it is asked for, again for more', collected, [])
    .option('--secret-file <name=file>', 'the same from a file; - is the standard input', collected, [])
    .option('--check', 'a dry run: the job looks at what it would change, and changes nothing')
    .option('--preview', 'show on whom it would launch now and why not on others, and start nothing')
    .option('--reason <text>', 'why; it is recorded', '')
    .option('--key <key>', 'an idempotency key: the same key starts the same run once', '')
    .option('--share', 'it may share its job with what else this token asks for at the same time, for scripts')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'print the id and leave')
    .option('--json', 'for programs')
    .action(
      async (
        verb: string,
        options: Asking &
          Selection &
          VariablesSaid &
          SecretsSaid & {
            reason: string
            key: string
            check?: boolean
            share?: boolean
            preview?: boolean
            yes?: boolean
            wait: boolean
            json?: boolean
          },
        command: Command,
      ) => {
        const { limit, view, profile, selector, cluster, namespace } = options
        if ([limit, view, profile, selector, cluster, namespace].every(said => said === ''))
          command.error('error: give --limit, or --view, --profile, --selector, --cluster, --namespace')
        const sources = sourcesOf(options, addressOf(options, context))
        const { preview = false, yes = false, json = false, check = false, share = false } = options
        const settings = {
          ...options,
          preview,
          yes,
          json,
          check,
          share,
          variables: variablesOf(options),
          secrets: () => secretsOf(sources, terminal),
        }
        const ok = await startRun(connect(options, context), verb, settings, terminal, signal)
        if (!ok) setCode(EXIT.runNotOk)
      },
    )
  const runs = asking(program, 'runs', 'list the latest runs')
    .option('--json', 'for programs')
    .action((options: Asking & { json?: boolean }) =>
      listRuns(connect(options, context), options.json ?? false, terminal),
    )
  for (const parent of [runs, run]) oneRun(parent, context)
  historyCommands(runs, context)
  brakeCommands(program, context)
}

function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

/** The commands about one run, below `runs` and, as people try that too, below `run`. */
function oneRun(parent: Command, context: ProgramContext): void {
  const { terminal } = context
  asking(parent, 'cancel <id>', 'end a run: its job is cancelled, or not launched at all').action(
    (id: string, _options: unknown, command: Command) =>
      cancelRun(connect(command.optsWithGlobals<Asking>(), context), id, terminal),
  )
  asking(parent, 'show <id>', 'one run, host by host')
    .option('--json', 'for programs')
    .action((id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Asking & { json?: boolean }>()
      return showRun(connect(options, context), id, options.json ?? false, terminal)
    })
}

/** What was done to hosts, from all that is kept of it: `runs of`, `runs export`. */
function historyCommands(runs: Command, context: ProgramContext): void {
  const { terminal, signal } = context
  asking(runs, 'of <host>', 'what was done to one host, newest first')
    .option('--json', 'for programs')
    .action((host: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Asking & { json?: boolean }>()
      return historyOf(connect(options, context), host, options.json ?? false, terminal)
    })
  asking(runs, 'export', 'all results of hosts that are kept, newest first')
    .addOption(new Option('--format <format>', 'how').choices(['csv', 'jsonl']).default('csv'))
    .option('--host <host>', 'of one host', narrowing, '')
    .option('--verb <verb>', 'of one verb', narrowing, '')
    .option('--outcome <outcome>', 'with one outcome', narrowing, '')
    .option('--since <time>', 'from then on, as 2026-11-01T00:00:00Z', narrowing, '')
    .option('--until <time>', 'before then', narrowing, '')
    .action((_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Asking & Which & { format: string }>()
      return exportHistory(connect(options, context), options, terminal, signal)
    })
}

/** The brake on what starts by itself: `brake`, `brake release`. */
function brakeCommands(program: Command, context: ProgramContext): void {
  const { terminal } = context
  const brake = asking(program, 'brake', 'say whether what starts by itself is held for a person, and which hosts wait')
    .option('--json', 'for programs')
    .action((options: Asking & { json?: boolean }) =>
      showBrake(connect(options, context), options.json ?? false, terminal),
    )
  asking(brake, 'release', 'show what the brake holds, and let it go on')
    .option('--yes', 'do not ask')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<Asking & { yes?: boolean }>()
      const done = await releaseBrake(connect(options, context), options.yes ?? false, terminal)
      if (!done) throw new Fault('declined', 'nothing was changed', { hint: 'say yes, or give --yes in a script' })
    })
}
