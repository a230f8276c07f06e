import { type Command, InvalidArgumentError, Option } from 'commander'
import { Fault } from '../errors.ts'
import { type Asking, asking, connect, narrowing } from './asking.ts'
import type { ProgramContext } from './context.ts'
import { confirmDeletions } from './deletions.ts'
import { printEvents } from './events.ts'
import { EXIT, type SetCode } from './exit.ts'
import { listClusters, listVms, printExplanation } from './fleet.ts'
import { printInventory, printWhy } from './inventory.ts'

/** The commands about what is known of the fleet: `vms`, `clusters`, `inventory`, `explain`, `events`, `confirm-deletions`. */
export function fleetCommands(program: Command, context: ProgramContext, setCode: SetCode): void {
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
    .option('--host <host>', 'the variables of one host', narrowing, '')
    .option('--view <name>', 'of a view, not of the whole fleet', narrowing, '')
    .option('--why <host>', 'say why a host is in it or not, enabled or not, and in its groups', narrowing, '')
    .option('--json', 'with --why: for programs')
    .action(async (options: Asking & { host: string; view: string; why: string; json?: boolean }) => {
      const api = connect(options, context)
      const { host, view, why, json = false } = options
      if (why === '') return printInventory(api, { host, view }, terminal)
      if (!(await printWhy(api, { host: why, view, json }, terminal))) setCode(EXIT.found)
    })
  asking(
    program,
    'explain <host> [name]',
    'say why a VM is as it is, in the inventory and in day 2; `explain vm <host>` is the same',
  )
    .option('--json', 'for programs')
    .action((host: string, name: string | undefined, options: Asking & { json?: boolean }, command: Command) => {
      if (name !== undefined && host !== 'vm') command.error(`error: one host at a time, not ${host} and ${name}`)
      return printExplanation(connect(options, context), name ?? host, options.json ?? false, terminal)
    })
  asking(program, 'events', 'print events')
    .addOption(new Option('--stream <stream>', 'which').choices(['vm', 'cluster', 'day2', 'dead']).default('vm'))
    .option('--after <position>', 'only those after this position; "now" for new ones alone', position, '0')
    .option('--limit <n>', 'at most so many, when not following', count, '100')
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
    'show which VMs a held cluster lacks, or a burst of deletions took, and say that they are really gone',
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

function position(text: string): string {
  if (/^(now|\d+|k[0-9a-z.]+)$/.test(text)) return text
  throw new InvalidArgumentError('A position is one that the stream gave, 0 for the oldest event, or "now".')
}

function count(text: string): string {
  if (/^[1-9]\d{0,5}$/.test(text)) return text
  throw new InvalidArgumentError('It is a number from 1.')
}
