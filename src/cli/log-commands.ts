import { type Command, Option } from 'commander'
import { loadConfig } from '../config/index.ts'
import { Fault } from '../errors.ts'
import { type Asking, asking, connect } from './asking.ts'
import type { ProgramContext } from './context.ts'
import { EXIT, type SetCode } from './exit.ts'
import { confirmLoss, listLosses } from './losses.ts'

/** The commands about the log: `topics`, `backup`, `log copy`, `losses`, `loss confirm`. */
export function logCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
  topicsCommand(program, context, setCode)
  backupCommand(program, context)
  copyCommand(program, context)
  lossCommands(program, context)
}

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

function backupCommand(program: Command, context: ProgramContext): void {
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

function copyCommand(program: Command, context: ProgramContext): void {
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
