import { Fault } from '../errors.ts'
import type { Loss } from '../log/index.ts'
import type { Api } from './api.ts'
import { table, type Terminal } from './terminal.ts'

/** What the log lost, a line each. */
export async function listLosses(api: Api, json: boolean, terminal: Terminal): Promise<void> {
  const losses = await lossesOf(api)
  if (json) return terminal.out(JSON.stringify(losses))
  if (losses.length === 0) return terminal.err('nothing is known to be lost')
  const rows = losses.map(({ stream, at, reason }) => [stream, new Date(at).toISOString(), reason])
  terminal.out(table(['STREAM', 'FOUND', 'WHY'], rows))
}

/** Says that a person knows of a loss; of the ledger, that launches may go on. False when the person says no. Throws a Fault `not_lost` before anybody is asked. */
export async function confirmLoss(api: Api, stream: string, yes: boolean, terminal: Terminal): Promise<boolean> {
  const loss = (await lossesOf(api)).find(one => one.stream === stream)
  if (loss === undefined)
    throw new Fault('not_lost', `no loss of "${stream}" waits for anybody`, {
      hint: 'virtbridge losses lists those that do',
    })
  terminal.err(loss.reason)
  const question =
    stream === 'state.runs'
      ? 'do no jobs of before run any more, and may it launch again?'
      : `are the records of ${stream} really gone?`
  if (!yes && !(await terminal.ask(question))) return false
  await api.post(`/api/v1/losses/${encodeURIComponent(stream)}/confirm`, {})
  terminal.err(`the loss of ${stream} is confirmed`)
  return true
}

async function lossesOf(api: Api): Promise<readonly Loss[]> {
  return ((await api.get('/api/v1/losses')) as { losses: Loss[] }).losses
}
