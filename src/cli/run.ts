import type { HostResult, Run } from '../day2/index.ts'
import { Fault } from '../errors.ts'
import { pause } from '../waiting.ts'
import type { Api } from './api.ts'
import { paint, table, type Terminal } from './terminal.ts'

export interface RunOptions {
  readonly limit: string
  readonly reason: string
  readonly yes: boolean
  readonly json: boolean
  readonly wait: boolean
  readonly key: string
}

interface Shown extends Run {
  readonly results: readonly HostResult[]
}

const LOOK_EVERY_MS = 500
/** How long a command may wait to be taken in by the dispatcher, in looks. */
const TAKE_IN_LOOKS = 120

/** Asks for a run on the named hosts, after showing them, and follows it to its end. True when every host ended ok. */
export async function startRun(
  api: Api,
  verb: string,
  options: RunOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const hosts = options.limit
    .split(',')
    .map(host => host.trim())
    .filter(host => host !== '')
  if (hosts.length === 0)
    throw new Fault('limit', '--limit names no host', {
      hint: 'name hosts as the inventory does: --limit web-1.shop.prod-1,web-2.shop.prod-1',
    })
  if (!options.yes) {
    terminal.err(`${verb} on ${hosts.length} host${hosts.length === 1 ? '' : 's'}:\n  ${hosts.join('\n  ')}`)
    if (!(await terminal.ask('start it?')))
      throw new Fault('declined', 'nothing was started', { hint: 'say yes, or give --yes in a script' })
  }
  const headers: Record<string, string> = options.key === '' ? {} : { 'idempotency-key': options.key }
  const { id } = (await api.post('/api/v1/runs', { verb, hosts, reason: options.reason }, headers)) as { id: string }
  if (!options.wait) {
    terminal.out(options.json ? JSON.stringify({ id }) : id)
    return true
  }
  terminal.err(`run ${id}`)
  const run = await followRun(api, id, terminal, signal)
  terminal.out(options.json ? JSON.stringify(run) : renderRun(run, terminal))
  return run.outcome === 'ok'
}

/** Waits until the run has ended, telling each change of its status. */
async function followRun(api: Api, id: string, terminal: Terminal, signal: AbortSignal): Promise<Shown> {
  let said = ''
  for (let look = 0; !signal.aborted; look += 1) {
    const run = await lookAt(api, id, look < TAKE_IN_LOOKS)
    if (run?.status === 'finished') return run
    const now =
      run === null ? 'waits for the dispatcher' : `${run.status}${run.job === null ? '' : ` (job ${run.job.id})`}`
    if (now !== said) terminal.err(paint(terminal, 'dim', `  ${now}`))
    said = now
    await pause(LOOK_EVERY_MS, signal)
  }
  throw new Fault('interrupted', `run ${id} goes on without being watched`, { hint: `virtbridge runs show ${id}` })
}

async function lookAt(api: Api, id: string, mayBeMissing: boolean): Promise<Shown | null> {
  try {
    return (await api.get(`/api/v1/runs/${id}`)) as Shown
  } catch (error) {
    if (mayBeMissing && error instanceof Fault && error.code === 'no_run') return null
    throw error
  }
}

/** A run for people: what it was, and each host's outcome. */
export function renderRun(run: Shown, terminal: Terminal): string {
  const head = `${run.verb} (${run.template}) by ${run.asked_by}: ${paint(terminal, run.outcome === 'ok' ? 'green' : 'red', run.outcome || run.status)}`
  const job = run.job === null ? '' : `\njob ${run.job.id}  ${run.job.url}`
  const message = run.message === '' ? '' : `\n${run.message}`
  const rows = run.results.map(result => [result.host, result.outcome, result.detail])
  return `${head}${job}${message}\n${table(['HOST', 'OUTCOME', 'DETAIL'], rows)}`
}

/** The latest runs, newest first. */
export async function listRuns(api: Api, json: boolean, terminal: Terminal): Promise<void> {
  const { runs } = (await api.get('/api/v1/runs')) as { runs: (Omit<Run, 'hosts'> & { hosts: number })[] }
  if (json) return terminal.out(JSON.stringify(runs))
  const rows = runs.map(run => [
    run.id,
    run.verb,
    run.outcome || run.status,
    String(run.hosts),
    run.asked_by,
    new Date(run.created_at).toISOString().slice(0, 19),
  ])
  terminal.out(table(['RUN', 'VERB', 'STATUS', 'HOSTS', 'ASKED BY', 'CREATED (UTC)'], rows))
}

/** One run with its hosts. */
export async function showRun(api: Api, id: string, json: boolean, terminal: Terminal): Promise<void> {
  const run = (await api.get(`/api/v1/runs/${encodeURIComponent(id)}`)) as Shown
  terminal.out(json ? JSON.stringify(run) : renderRun(run, terminal))
}
