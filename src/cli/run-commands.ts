import type { Command } from 'commander'
import { type Asking, asking, connect } from './asking.ts'
import type { ProgramContext } from './context.ts'
import { EXIT, type SetCode } from './exit.ts'
import { listRuns, showRun, startRun } from './run.ts'

/** The commands about what is done to guests: `run`, `runs`, `runs show`. */
export function runCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
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
