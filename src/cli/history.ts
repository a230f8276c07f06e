import type { Api } from './api.ts'
import { table, type Terminal } from './terminal.ts'

/** Which results are meant. Empty is not said. */
export interface Which {
  readonly host: string
  readonly verb: string
  readonly outcome: string
  readonly since: string
  readonly until: string
}

interface Result {
  readonly at: string
  readonly run: string
  readonly verb: string
  readonly asked_by: string
  readonly outcome: string
  readonly detail: string
}

/** What was done to one host, newest first. */
export async function historyOf(api: Api, host: string, json: boolean, terminal: Terminal): Promise<void> {
  const { results } = (await api.get(`/api/v1/history?${new URLSearchParams({ host }).toString()}`)) as {
    results: readonly Result[]
  }
  if (json) return terminal.out(JSON.stringify(results))
  const rows = results.map(({ at, verb, outcome, asked_by, run, detail }) => [
    at.slice(0, 19),
    verb,
    outcome,
    asked_by,
    run,
    detail,
  ])
  terminal.out(table(['AT (UTC)', 'VERB', 'OUTCOME', 'ASKED BY', 'RUN', 'DETAIL'], rows))
  if (rows.length === 0) terminal.err(`nothing is on record of a host ${host}: virtbridge vms lists the hosts`)
}

/** All of them, as the bridge writes them. */
export async function exportHistory(
  api: Api,
  options: Which & { readonly format: string },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { format, host, verb, outcome, since, until } = options
  const said = Object.entries({ format, host, verb, outcome, since, until }).filter(([, value]) => value !== '')
  const path = `/api/v1/history/export?${new URLSearchParams(said).toString()}`
  for await (const line of api.lines(path, signal)) terminal.out(line)
}
