import type { Api } from './api.ts'
import type { Terminal } from './terminal.ts'

interface Shown {
  readonly held: { readonly id: string; readonly because: string } | null
  /** How many are due, and the names of the first of them. */
  readonly due: number
  readonly hosts: readonly string[]
}

const NOT_HELD = 'no brake holds anything: what starts by itself goes on'

/** Whether the brake holds what starts by itself, and which hosts are due. */
export async function showBrake(api: Api, json: boolean, terminal: Terminal): Promise<void> {
  const brake = await brakeOf(api)
  if (json) return terminal.out(JSON.stringify(brake))
  terminal.out(render(brake))
}

/** Shows what the brake holds, asks the person, and lets go on exactly that brake. True when nothing is held any more; false when the person says no. */
export async function releaseBrake(api: Api, yes: boolean, terminal: Terminal): Promise<boolean> {
  const brake = await brakeOf(api)
  terminal.err(render(brake))
  if (brake.held === null) return true
  if (!yes && !(await terminal.ask('may they start?'))) return false
  await api.post('/api/v1/brake/release', { brake: brake.held.id })
  terminal.err('the brake is released; it is set again when more start than dispatch.brake allows')
  return true
}

async function brakeOf(api: Api): Promise<Shown> {
  return (await api.get('/api/v1/brake')) as Shown
}

function render({ held, due, hosts }: Shown): string {
  const more = due > hosts.length ? [`  and ${due - hosts.length} more`] : []
  const lines = [`due to start by themselves: ${due}`, ...hosts.map(host => `  ${host}`), ...more]
  return [held?.because ?? NOT_HELD, ...(due === 0 ? [] : lines)].join('\n')
}
