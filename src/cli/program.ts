import { Command, CommanderError, Help } from 'commander'
import { Fault } from '../errors.ts'
import { VERSION } from '../version.ts'
import type { ProgramContext } from './context.ts'
import { EXIT, type SetCode } from './exit.ts'
import { fleetCommands } from './fleet-commands.ts'
import { logCommands } from './log-commands.ts'
import { runCommands } from './run-commands.ts'
import { serviceCommands } from './service-commands.ts'
import { paint } from './terminal.ts'

/** Runs one command line (without `node` and the script) and resolves with its exit code. A Fault is printed as one sentence and its hint; any other error is a bug, and is thrown. */
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

function build(context: ProgramContext, setCode: SetCode): Command {
  const { terminal } = context
  const program = new Command('virtbridge')
    .description('Connects a fleet of KubeVirt VMs to the Ansible Automation Platform: events, inventory, day-2 jobs')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(virtbridge --help lists the commands)')
    .configureOutput({ writeOut: text => terminal.out(text.trimEnd()), writeErr: text => terminal.err(text.trimEnd()) })
    .configureHelp({
      optionDescription: option => new Help().optionDescription(option).replace(NO_DEFAULT, ''),
      // That each has options says nothing, and leaves no room for what it does.
      subcommandTerm: command => new Help().subcommandTerm(command).replace(' [options]', ''),
    })
    .addHelpText('after', HELP)
  serviceCommands(program, context, setCode)
  logCommands(program, context, setCode)
  fleetCommands(program, context, setCode)
  runCommands(program, context, setCode)
  helpAfterErrors(program, 'virtbridge')
  return program
}

/** After wrong usage of a command points to the help of that command instead of that of the program. */
function helpAfterErrors(parent: Command, path: string): void {
  for (const command of parent.commands) {
    const called = `${path} ${command.name()}`
    command.showHelpAfterError(`(${called} --help says how)`)
    helpAfterErrors(command, called)
  }
}

/** Defaults that are empty are not worth a word in the help. */
const NO_DEFAULT = / \(default: (""|\[\])\)$/

const HELP = `
Exit codes: 0 well, 1 a fault (one sentence says which), 2 wrong usage, 3 check
or topics found something that does not work, or a host that was asked about is
not in the inventory, 4 a run ended with a host that is not ok, 70 a fault of
virtbridge itself, 130 ended at once by a second signal.

Commands that ask a running bridge take --url and --token-file, or
VIRTBRIDGE_URL and VIRTBRIDGE_TOKEN.`
