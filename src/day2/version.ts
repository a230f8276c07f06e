import { type EventLog, type Position, refuseNewer } from '../log/index.ts'

/** The schema of what is kept on `state.runs`: runs (2: of others too; 3: with variables, dry or of another organization; 4: with secrets; 6: with steps), their results, what verbs did, positions, the brake (5). */
export const LEDGER_SCHEMA = 6
/** The schema of commands (2: runs with variables, dry runs; 3: with secrets). */
export const COMMAND_SCHEMA = 3

const PAGE = 500

/** Throws a Fault `log_newer` when a command that waits to be taken in is of a newer program: passed over, it would be lost. */
export async function refuseNewerCommands(log: EventLog, from: Position): Promise<void> {
  for (let at = from; ;) {
    const commands = await log.page('commands', at, PAGE)
    for (const command of commands) refuseNewer(command, COMMAND_SCHEMA)
    const last = commands.at(-1)
    if (last === undefined) return
    at = last.position
  }
}
