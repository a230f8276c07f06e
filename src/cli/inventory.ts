import { Fault } from '../errors.ts'
import type { Why } from '../inventory/index.ts'
import type { Api } from './api.ts'
import { profileLines } from './profile-lines.ts'
import { paint, type Terminal } from './terminal.ts'

/** The inventory document as it is; of one host its variables, none of one that is not there, as the script protocol of Ansible asks. */
export async function printInventory(
  api: Api,
  { host, view }: { readonly host: string; readonly view: string },
  terminal: Terminal,
): Promise<void> {
  const asked = host === '' ? api.get(pathOf(view)) : varsOf(api, host, view)
  terminal.out(JSON.stringify(await asked, null, 2))
}

async function varsOf(api: Api, host: string, view: string): Promise<unknown> {
  const query = view === '' ? '' : `?view=${encodeURIComponent(view)}`
  try {
    return await api.get(`/api/v1/inventory/hosts/${encodeURIComponent(host)}${query}`)
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_listed') return {}
    throw error
  }
}

/** Why a host is in the inventory or a view, enabled, and in its groups; false when it is not in it. */
export async function printWhy(
  api: Api,
  { host, view, json }: { readonly host: string; readonly view: string; readonly json: boolean },
  terminal: Terminal,
): Promise<boolean> {
  const why = (await api.get(`${pathOf(view)}?why=${encodeURIComponent(host)}`)) as Why
  if (json) terminal.out(JSON.stringify(why))
  else terminal.out(linesOf(why, terminal).join('\n'))
  return why.listed
}

function linesOf(why: Why, terminal: Terminal): readonly string[] {
  const mark = (yes: boolean): string => (yes ? paint(terminal, 'green', 'yes') : paint(terminal, 'red', 'no'))
  const where = why.view === '' ? 'in the inventory of the whole fleet' : `in the view ${why.view}`
  const lines = [
    `${paint(terminal, 'bold', why.host)}  ${where}`,
    `listed          ${mark(why.listed)}: ${why.because.join('; ')}`,
  ]
  if (why.listed) lines.push(`enabled         ${mark(why.enabled)}: ${why.enabled_because}`)
  if (why.profile !== null) lines.push(...profileLines(why.profile))
  lines.push(...connectionLines(why))
  for (const { group, because } of why.groups) lines.push(`group           ${group}: ${because}`)
  for (const { label, because } of why.not_in) {
    const source = label.startsWith('expression ') ? label : `label ${label}`
    lines.push(`no group        of the ${source}: ${because}`)
  }
  if (why.closed.length > 0) lines.push(`closed          nobody gets it now, because of ${why.closed.join(', ')}`)
  return lines
}

function connectionLines({ connection, not_given }: Why): readonly string[] {
  return [
    ...connection.map(({ name, value, because, over }) => {
      const instead = over.length === 0 ? '' : `; less counts: ${over.join('; ')}`
      return `connection      ${name} is ${value ?? 'unset'}: ${because}${instead}`
    }),
    ...not_given.map(({ variable, because }) => `not given       ${variable}: ${because}`),
  ]
}

function pathOf(view: string): string {
  return view === '' ? '/api/v1/inventory' : `/api/v1/inventory/${encodeURIComponent(view)}`
}
