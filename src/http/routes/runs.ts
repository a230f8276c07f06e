import type { FastifyInstance } from 'fastify'
import { askedOf, type LedgerView, type Run, type RunStep } from '../../day2/index.ts'
import { isNarrow, type Scope, seesKey } from '../../fleet/index.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'

/** Runs of one list. */
const LISTED = 500

const LIST: Description = {
  id: 'listRuns',
  summary: 'The newest runs',
  right: 'read',
  answers: { 200: json('Runs, newest first', closed({ runs: listOf(shape('RunSummary')) })) },
}
const READ: Description = {
  id: 'readRun',
  summary: 'One run, with what became of each host',
  right: 'read',
  answers: { 200: json('The run', shape('Run')) },
  problems: { 404: ['no_run'] },
}

/** Runs: what was done, and what is being done. */
export function runRoutes(app: FastifyInstance, parts: AppParts): void {
  const querystring = query()
  app.get('/api/v1/runs', { schema: { querystring }, config: { api: LIST } }, request => {
    const { scope } = requireRight(request, 'read')
    const seen = [...parts.ledger.runs.values()].filter(run => seesRun(scope, run))
    const runs = seen.sort((a, b) => b.created_at - a.created_at).slice(0, LISTED)
    return { runs: runs.map(summary) }
  })
  const one = { schema: { querystring }, config: { api: READ } }
  app.get<{ Params: { id: string } }>('/api/v1/runs/:id', one, request => {
    const { scope } = requireRight(request, 'read')
    const run = runFor(parts, request.params.id, scope)
    return { ...shownRun(run), results: parts.ledger.results(run.id), progress: progressOf(parts.ledger, run.id) }
  })
}

/** The run of this id. Throws a Problem `no_run` when there is none that may be known of. */
export function runFor(parts: Pick<AppParts, 'ledger'>, id: string, scope: Scope): Run {
  const run = parts.ledger.runs.get(id)
  if (run !== undefined && seesRun(scope, run)) return run
  throw new Problem(404, 'no_run', `no run has the id ${id}`, {
    hint: 'it may not have been taken in yet; GET /api/v1/runs lists them',
  })
}

/** How far the job of a run is, as its readers get it; null when it is not watched, or has ended. */
function progressOf(ledger: Pick<LedgerView, 'progress'>, run: string): object | null {
  const progress = ledger.progress(run)
  if (progress === undefined) return null
  const { at, task, hosts } = progress
  return { at, task, hosts }
}

/** Which runs may be told of to this scope; undefined when all may. */
export function runsSeen(scope: Scope): ((run: Run) => boolean) | undefined {
  return isNarrow(scope) ? run => seesRun(scope, run) : undefined
}

/** A run is told of to who may know of every VM of it. */
function seesRun(scope: Scope, run: Run): boolean {
  if (!isNarrow(scope)) return true
  const all = askedOf(run)
  return all.length > 0 && all.every(host => seesKey(scope, host.key))
}

/** A run as its readers get it: of its secrets the names, and nothing of who shares it. */
function shownRun({ secrets, shared: _shared, ...run }: Run): object {
  return secrets === undefined ? run : { ...run, secrets: Object.keys(secrets) }
}

/** A step in a list of runs. */
function shortOf({ name, template, state, job }: RunStep): object {
  return { name, template, state, job }
}

function summary(run: Run): object {
  const { id, verb, template, asked_by, reason, status, outcome, counts, job, created_at, finished_at, message } = run
  return {
    id,
    verb,
    template,
    asked_by,
    reason,
    status,
    outcome,
    counts,
    job,
    created_at,
    finished_at,
    message,
    hosts: askedOf(run).length,
    ...(run.check === undefined ? {} : { check: run.check }),
    ...(run.steps === undefined ? {} : { steps: run.steps.map(shortOf), step: run.step }),
  }
}
