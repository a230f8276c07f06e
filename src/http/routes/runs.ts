import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { v5 as uuid5 } from 'uuid'
import {
  type LedgerView,
  MAX_SECRETS,
  MAX_VARIABLES,
  type Run,
  type RunCommand,
  type SealedSecrets,
  type Secrets,
  secretsFault,
  type Selection,
  type Variables,
  variablesDigest,
  variablesFault,
  Vault,
  type VerbPolicy,
} from '../../day2/index.ts'
import { Fault } from '../../errors.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'
import { isNarrow, type Scope, sees, seesKey } from '../scope.ts'
import { shape } from '../shapes.ts'
import { VERB, verbOf } from '../verb.ts'
import { MAX_HOSTS, WHOM, WHOM_PROBLEMS, type Whom, whomOf } from '../whom.ts'

/** The namespace of run ids that come from an idempotency key. */
const KEYS = 'b6a3d6f0-5d0e-5d0f-8c3e-0d8a4f4b9a11'

const ID = { type: 'string' }
const START: Description = {
  id: 'startRun',
  summary: 'Asks for a run on some VMs',
  right: 'run',
  answers: {
    202: json('The wish is on record', closed({ id: ID, verb: ID, hosts: listOf(ID) }), { location: 'The run' }),
  },
  problems: {
    409: ['no_controller', 'other_driver', 'ledger_lost', 'key_used', 'no_sealing_key'],
    404: WHOM_PROBLEMS[404],
    422: ['unknown_verb', 'bad_variables', ...WHOM_PROBLEMS[422]],
  },
}
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
const WISH = closed(
  {
    verb: VERB,
    ...WHOM,
    reason: { type: 'string', maxLength: 256, default: '' },
    variables: {
      type: 'object',
      maxProperties: MAX_VARIABLES,
      description:
        'What the job gets as extra_vars: at most 1,000,000 bytes as JSON; no secret, no template expression, none of the names that decide who is reached',
    },
    secrets: {
      type: 'object',
      maxProperties: MAX_SECRETS,
      description:
        'More of them, as texts of at most 4,096 bytes: answers to questions of type Password in the survey of the template. They are sealed at once; nobody is told them',
    },
    check: { type: 'boolean', description: 'A dry run (job type Check): the template must prompt for the job type' },
  },
  ['verb'],
)
const HEADERS = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      maxLength: 256,
      description: 'The same key of the same token is the same wish',
    },
  },
}

interface Wish extends Whom {
  /** Or the name of its job template. */
  readonly verb: string
  readonly reason: string
  readonly variables?: Variables
  readonly secrets?: Secrets
  readonly check?: boolean
}

/** The same key is the same wish when all of this is the same. */
interface Asked {
  readonly verb: string
  readonly hosts: readonly string[]
  readonly selection?: Selection
  readonly variables: Variables
  readonly secrets: Secrets
  readonly check: boolean
}

/** Runs: what was done, and the wish to do something, which becomes a command on the log. */
export function runRoutes(app: FastifyInstance, parts: AppParts): void {
  const querystring = query()
  const wish = { schema: { querystring, body: WISH, headers: HEADERS }, config: { api: START } }
  app.post<{ Body: Wish }>('/api/v1/runs', wish, async (request, reply) => {
    const caller = requireRight(request, 'run')
    const { reason, variables = {}, secrets = {}, check = false } = request.body
    const { verb, driver } = verbOf(parts, request.body.verb)
    const { hosts, selection } = whomOf(parts, request.body, caller.scope)
    request.told = { hosts: hosts.length }
    refuseImpossible(parts, { verb, driver, hosts }, caller.scope)
    refuseVariables(variables, secrets)
    const key = request.headers['idempotency-key']?.toString() ?? ''
    const id = key === '' ? parts.newId() : uuid5(JSON.stringify([caller.name, key]), KEYS)
    const said = selection === undefined ? {} : { selection }
    refuseOtherWish(parts, id, { verb, hosts, variables, secrets, check, ...said })
    const has = Object.keys(variables).length > 0
    const sealed = sealedFor(parts, id, secrets)
    const command: RunCommand = {
      schema: sealed !== null ? 3 : has || check ? 2 : 1,
      kind: 'run',
      id,
      verb,
      hosts,
      asked_by: caller.name,
      reason,
      at: parts.now(),
      ...(has ? { variables } : {}),
      ...(sealed === null ? {} : { secrets: sealed }),
      ...(check ? { check } : {}),
      ...said,
    }
    if (!parts.ledger.runs.has(id)) await parts.log.append([{ stream: 'commands', key: id, value: command }])
    return reply.status(202).header('location', `/api/v1/runs/${id}`).send({ id, verb, hosts })
  })
  app.get('/api/v1/runs', { schema: { querystring }, config: { api: LIST } }, request => {
    const { scope } = requireRight(request, 'read')
    const seen = [...parts.ledger.runs.values()].filter(run => seesRun(scope, run))
    const runs = seen.sort((a, b) => b.created_at - a.created_at).slice(0, MAX_HOSTS)
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

/** A run is told of to who may know of every VM of it. */
function seesRun(scope: Scope, { hosts, left_out }: Run): boolean {
  if (!isNarrow(scope)) return true
  const all = [...hosts, ...left_out]
  return all.length > 0 && all.every(host => seesKey(scope, host.key))
}

/** The same key is the same wish: another one must not be answered with a run that does something else. */
function refuseOtherWish({ ledger, vault }: AppParts, id: string, wish: Asked): void {
  const run = ledger.runs.get(id)
  if (run === undefined) return
  const asked = new Set([...run.hosts, ...run.left_out].map(host => host.host))
  // Whom a view or a label means may have changed since: what was said is the same.
  const forSame =
    wish.selection === undefined
      ? asked.size === wish.hosts.length && wish.hosts.every(host => asked.has(host))
      : isDeepStrictEqual(run.selection, wish.selection)
  const same = run.verb === wish.verb && (run.variables_digest ?? '') === variablesDigest(wish.variables)
  const hidesSame = withKeys(() => (vault ?? new Vault()).areSame(id, run.secrets ?? {}, wish.secrets))
  if (forSame && same && hidesSame && (run.check === true) === wish.check) return
  throw new Problem(409, 'key_used', `this idempotency key was used for run ${run.id}, which is another one`, {
    hint: 'use a key of its own for each wish',
    more: { run: run.id },
  })
}

/** Throws a Problem that names variables, and no value. */
function refuseVariables(variables: Variables, secrets: Secrets): void {
  const fault = variablesFault(variables) || secretsFault(secrets, variables)
  if (fault === '') return
  throw new Problem(422, 'bad_variables', fault, {
    hint: 'nothing was started; what every run of a template needs is better kept in the template or a profile, a secret in a credential, and one of a single run among its secrets',
  })
}

/** The secrets as the log may have them; null for none. Throws a Problem when there is nothing to seal them with. */
function sealedFor({ vault = new Vault() }: AppParts, id: string, secrets: Secrets): SealedSecrets | null {
  return Object.keys(secrets).length === 0 ? null : withKeys(() => vault.seal(id, secrets))
}

/** What comes of it; a key that is not there, or can not be read, is a Problem. */
function withKeys<T>(use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Problem(409, 'no_sealing_key', error.message, { hint: `nothing was started; ${error.hint}` })
  }
}

/** A run as its readers get it: of its secrets the names. */
function shownRun({ secrets, ...run }: Run): object {
  return secrets === undefined ? run : { ...run, secrets: Object.keys(secrets) }
}

/** Throws a Problem when nothing can come of the wish. A VM that may not be known of is as one that is not there. */
function refuseImpossible(
  parts: AppParts,
  { verb, driver, hosts }: Pick<Asked, 'verb' | 'hosts'> & Pick<VerbPolicy, 'driver'>,
  scope: Scope,
): void {
  if (!parts.controllerConfigured)
    throw new Problem(409, 'no_controller', 'no controller is configured, so nothing can be launched', {
      hint: 'add controller: to the configuration',
    })
  if (driver !== 'bridge') {
    throw new Problem(409, 'other_driver', `the driver of ${verb} is ${driver}, not bridge`, {
      hint: `a verb has one driver: verbs.${verb}.driver`,
    })
  }
  if (parts.ledger.lost !== '')
    throw new Problem(409, 'ledger_lost', parts.ledger.lost, {
      hint: 'nothing was started; GET /api/v1/losses tells more',
    })
  const unknown = hosts.filter(host => {
    const record = parts.fleet.byHost(host)
    return record === undefined || !sees(scope, record)
  })
  if (unknown.length > 0) {
    throw new Problem(422, 'unknown_hosts', `no VM is called ${unknown.slice(0, 5).join(', ')}`, {
      hint: 'nothing was started; GET /api/v1/vms lists the names',
      more: { hosts: unknown },
    })
  }
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
    hosts: run.hosts.length + run.left_out.length,
  }
}
