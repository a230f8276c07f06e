import { type HostResult, type Run, type RunStep, splitHosts, stepName } from '../day2/index.ts'
import { Fault } from '../errors.ts'
import { pause } from '../waiting.ts'
import { counted } from '../whole-number.ts'
import type { Api } from './api.ts'
import { courseLines, type Shown as Course } from './course.ts'
import { wholeId } from './run-id.ts'
import { hostsOf, type Selection } from './selection.ts'
import { paint, table, type Terminal } from './terminal.ts'

export interface RunOptions extends Selection {
  /** Show what would be done, and do nothing. */
  readonly preview: boolean
  readonly reason: string
  readonly yes: boolean
  readonly json: boolean
  readonly wait: boolean
  readonly key: string
  /** A dry run. */
  readonly check: boolean
  /** It may share its job with what else the token asks for. */
  readonly share: boolean
  readonly variables: Readonly<Record<string, unknown>>
  /** Asked for when it is sure that it starts. */
  readonly secrets: () => Promise<Readonly<Record<string, string>>>
}

interface Shown extends Omit<Run, 'secrets'> {
  /** Names. */
  readonly secrets?: readonly string[]
  readonly results: readonly HostResult[]
  readonly progress?: Course | null
}

/** How often the bridge is told that somebody watches, in looks. */
const WATCH_LOOKS = 40

const LOOK_EVERY_MS = 500
/** How long a command may wait to be taken in by the dispatcher, in looks. */
const TAKE_IN_LOOKS = 120

/** Hosts that are shown before a run, of each kind; of more their number is told. */
const SHOWN_HOSTS = 50

/** Asks for runs on the hosts that are meant, after showing them, and follows each to its end. True when every host ended ok. */
export async function startRun(
  api: Api,
  verb: string,
  options: RunOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const groups = splitHosts(await hostsOf(api, options))
  if (options.preview || !options.yes) {
    const foreseen = await Promise.all(groups.map(hosts => foresee(api, verb, hosts)))
    const [first = { verb, steps: [] }] = foreseen
    const shown = { verb: first.verb, steps: first.steps, hosts: foreseen.flatMap(({ hosts }) => hosts) }
    if (options.preview) {
      terminal.out(options.json ? JSON.stringify(shown) : renderForeseen(shown))
      return true
    }
    terminal.err(renderForeseen(shown))
    if (!shown.hosts.some(host => host.launch))
      throw new Fault('nobody_now', 'nothing was started: it would be launched on no host now', {
        hint: 'name others, or mend what is told of each; --yes records the wish all the same',
      })
    if (!(await terminal.ask('start it?')))
      throw new Fault('declined', 'nothing was started', { hint: 'say yes, or give --yes in a script' })
  }
  const secrets = await options.secrets()
  let ok = true
  for (const [index, hosts] of groups.entries()) {
    // A key is one wish: each part of a large one has its own, which is the same when it is repeated.
    const key = options.key === '' || groups.length === 1 ? options.key : `${options.key}/${index + 1}`
    if (!(await startOne(api, { verb, hosts, key, secrets }, options, terminal, signal))) ok = false
  }
  return ok
}

/** What would become of a host now. */
interface ForeseenHost {
  readonly host: string
  readonly launch: boolean
  readonly because: string
}

/** What would become of a wish now. */
interface Foreseen {
  /** As the bridge calls it. */
  readonly verb: string
  /** None of a verb that is one job. */
  readonly steps: readonly { readonly name: string; readonly template: string }[]
  readonly hosts: readonly ForeseenHost[]
}

async function foresee(api: Api, verb: string, hosts: readonly string[]): Promise<Foreseen> {
  return (await api.post('/api/v1/runs/preview', { verb, hosts })) as Foreseen
}

function renderForeseen({ verb, steps, hosts }: Foreseen): string {
  const on = hosts.filter(host => host.launch)
  const not = hosts.filter(host => !host.launch)
  const listed = (hosts: readonly ForeseenHost[]): readonly string[] => {
    const more = hosts.length > SHOWN_HOSTS ? [`  and ${hosts.length - SHOWN_HOSTS} more`] : []
    const lines = hosts
      .slice(0, SHOWN_HOSTS)
      .map(({ host, because }) => `  ${host}${because === '' ? '' : `: ${because}`}`)
    return [...lines, ...more]
  }
  const left = not.length === 0 ? [] : [`not now, and left out: ${not.length}`, ...listed(not)]
  return [...renderSteps(verb, steps), `${verb} on ${counted(on.length, 'host')}:`, ...listed(on), ...left].join('\n')
}

function renderSteps(verb: string, steps: Foreseen['steps']): readonly string[] {
  if (steps.length === 0) return []
  const width = Math.max(...steps.map(({ name }) => name.length))
  const lines = steps.map(({ name, template }) => `  ${name.padEnd(width)}  ${template}`)
  return [`${verb} in ${counted(steps.length, 'step')}, each on the hosts that came through the one before:`, ...lines]
}

async function startOne(
  api: Api,
  wish: { verb: string; hosts: readonly string[]; key: string; secrets: Readonly<Record<string, string>> },
  options: RunOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const { verb, hosts, key, secrets } = wish
  const headers: Record<string, string> = key === '' ? {} : { 'idempotency-key': key }
  const { reason, check, share, variables } = options
  const has = Object.keys(variables).length > 0
  const hides = Object.keys(secrets).length > 0 ? { secrets } : {}
  const body = {
    verb,
    hosts,
    reason,
    ...(has ? { variables } : {}),
    ...hides,
    ...(check ? { check } : {}),
    ...(share ? { share } : {}),
  }
  const { id } = (await api.post('/api/v1/runs', body, headers)) as { id: string }
  if (!options.wait) {
    terminal.out(options.json ? JSON.stringify({ id }) : id)
    return true
  }
  terminal.err(`run ${id}`)
  const run = await followRun(api, id, terminal, signal)
  terminal.out(options.json ? JSON.stringify(run) : renderRun(run, terminal))
  return share ? isOk(run, hosts) : run.outcome === 'ok'
}

/** Whether these hosts of a run ended ok: one that is shared has others too, for which others asked. */
function isOk({ results }: Shown, hosts: readonly string[]): boolean {
  const ok = new Set(results.filter(({ outcome }) => outcome === 'ok').map(({ host }) => host))
  return hosts.every(host => ok.has(host))
}

/** Waits until the run has ended, telling each change of its status. */
async function followRun(api: Api, id: string, terminal: Terminal, signal: AbortSignal): Promise<Shown> {
  let said = ''
  let course: Course | null = null
  let watched = -Infinity
  for (let look = 0; !signal.aborted; look += 1) {
    const run = await lookAt(api, id, look < TAKE_IN_LOOKS)
    if (run?.status === 'finished') return run
    // Nobody else reads how it goes: it costs the controller requests.
    if (terminal.interactive && run?.status === 'following' && look - watched >= WATCH_LOOKS) {
      watched = look
      await api.post(`/api/v1/runs/${encodeURIComponent(id)}/watch`, {})
    }
    const told = run?.progress ?? null
    if (told !== null) for (const line of courseLines(course, told, terminal)) terminal.err(line)
    course = told ?? course
    const now = run === null ? 'waits for the dispatcher' : standing(run)
    if (now !== said) terminal.err(paint(terminal, 'dim', `  ${now}`))
    said = now
    await pause(LOOK_EVERY_MS, signal)
  }
  throw new Fault('interrupted', `run ${id} goes on without being watched`, { hint: `virtbridge runs show ${id}` })
}

/** Where a run stands, in a few words: also why it waits. */
function standing(run: Shown): string {
  const { status, job, job_pending, message, hosts } = run
  const step = run.steps === undefined ? '' : `step ${stepName(run)}: `
  const waits =
    job_pending === undefined ? message : `waits at the controller${job_pending === '' ? '' : `: ${job_pending}`}`
  return `${step}${status}${job === null ? '' : ` (job ${job.id})`} on ${counted(hosts.length, 'host')}${waits === '' ? '' : `: ${waits}`}`
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
  const by = run.steps === undefined ? run.template : counted(run.steps.length, 'step')
  const head = `${doneBy(run)} (${by}) by ${run.asked_by}: ${paint(terminal, run.outcome === 'ok' ? 'green' : 'red', run.outcome || run.status)}`
  const again = run.attempts > 1 ? `  (launch ${run.attempts} of it)` : ''
  const job = run.job === null ? '' : `\njob ${run.job.id}  ${run.job.url}${again}`
  const reason = run.reason === '' ? '' : `\nreason: ${run.reason}`
  const allowed = run.allowed_by === undefined ? '' : `\nallowed by ${run.allowed_by}`
  const message = run.message === '' ? '' : `\n${run.message}`
  const rows = run.results.map(result => [result.host, result.outcome, result.detail])
  const steps = run.steps === undefined ? '' : `\n${stepTable(run.steps)}`
  const variables = run.variables === undefined ? '' : `\nvariables ${JSON.stringify(run.variables)}`
  const secrets = run.secrets === undefined ? '' : `\nsecrets ${run.secrets.join(', ')}`
  return `${head}${reason}${allowed}\n${timesOf(run)}${job}${variables}${secrets}${message}${steps}\n${table(['HOST', 'OUTCOME', 'DETAIL'], rows)}`
}

/** What it does, in a few words. */
function doneBy({ verb, check }: Pick<Run, 'verb' | 'check'>): string {
  return check === true ? `${verb} dry run` : verb
}

/** Its steps, a line each: what each came to, and which job did it. */
function stepTable(steps: readonly RunStep[]): string {
  const rows = steps.map(({ name, template, state, job, started_at, ended_at, counts }) => [
    name,
    state,
    job === null ? '' : String(job.id),
    instant(started_at),
    instant(ended_at),
    Object.entries(counts)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', '),
    template,
  ])
  return table(['STEP', 'STATE', 'JOB', 'STARTED (UTC)', 'ENDED (UTC)', 'HOSTS', 'TEMPLATE'], rows)
}

function instant(at: number): string {
  return at === 0 ? '' : new Date(at).toISOString().slice(0, 19)
}

/** When it was asked for, launched and done, in UTC. */
function timesOf({ created_at, launched_at = 0, finished_at }: Shown): string {
  const times = { asked: created_at, launched: launched_at, ended: finished_at }
  const told = Object.entries(times).filter(([, at]) => at > 0)
  return told.map(([what, at]) => `${what} ${instant(at)}Z`).join(', ')
}

/** The latest runs, newest first. */
export async function listRuns(api: Api, json: boolean, terminal: Terminal): Promise<void> {
  const { runs } = (await api.get('/api/v1/runs')) as { runs: (Omit<Run, 'hosts'> & { hosts: number })[] }
  if (json) return terminal.out(JSON.stringify(runs))
  const rows = runs.map(run => [
    run.id,
    doneBy(run),
    run.outcome || (run.steps === undefined ? run.status : `${run.status}, ${stepName(run)}`),
    String(run.hosts),
    run.asked_by,
    instant(run.created_at),
  ])
  terminal.out(table(['RUN', 'VERB', 'STATUS', 'HOSTS', 'ASKED BY', 'CREATED (UTC)'], rows))
}

/** One run with its hosts. */
export async function showRun(api: Api, id: string, json: boolean, terminal: Terminal): Promise<void> {
  const run = (await api.get(`/api/v1/runs/${encodeURIComponent(await wholeId(api, id))}`)) as Shown
  terminal.out(json ? JSON.stringify(run) : renderRun(run, terminal))
}

/** Asks for the end of a run. */
export async function cancelRun(api: Api, said: string, terminal: Terminal): Promise<void> {
  const id = await wholeId(api, said)
  await api.post(`/api/v1/runs/${encodeURIComponent(id)}/cancel`, {})
  terminal.err(`run ${id} is to end; virtbridge runs show ${id} tells what came of it`)
}
