import type { FastifyInstance } from 'fastify'
import { type CancelCommand, type Run, whyNotNow } from '../../day2/index.ts'
import { sees } from '../../fleet/index.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import { obstacleTo } from '../obstacle.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'
import { runFor, runsSeen } from './runs.ts'
import { VERB, verbOf } from '../verb.ts'
import { WHOM, WHOM_PROBLEMS, type Whom, whomOf } from '../whom.ts'

const ID = { type: 'string' }
const PREVIEW: Description = {
  id: 'previewRun',
  summary: 'On which of these hosts a run would launch now, and why not on the others; starts nothing',
  right: 'read',
  answers: {
    200: json(
      'Each host, and the steps of the verb: none, where it is one job',
      closed({
        verb: ID,
        steps: listOf(closed({ name: ID, template: ID })),
        hosts: listOf(closed({ host: ID, launch: { type: 'boolean' }, because: ID })),
      }),
    ),
  },
  problems: { 404: WHOM_PROBLEMS[404], 422: ['unknown_verb', ...WHOM_PROBLEMS[422]] },
}
const CANCEL: Description = {
  id: 'cancelRun',
  summary:
    'Asks for the end of a run; of a job of others that can not be read, and with the right admin, that it holds its VMs no more',
  right: 'run',
  answers: { 202: json('The wish is on record', closed({ id: ID, run: ID }), { location: 'The run' }) },
  problems: { 404: ['no_run'], 409: ['run_ended', 'not_ours'] },
}

/** What people wish of runs beside starting one: to see before what it would do, and to end it. */
export function runWishRoutes(app: FastifyInstance, parts: AppParts): void {
  const querystring = query()
  const body = closed({ verb: VERB, ...WHOM }, ['verb'])
  app.post<{ Body: Whom & { verb: string } }>(
    '/api/v1/runs/preview',
    { schema: { querystring, body }, config: { api: PREVIEW } },
    request => {
      const { scope } = requireRight(request, 'read')
      const { fleet, ledger } = parts
      const { verb, driver, os, steps = [], needs = 'guest' } = verbOf(parts, request.body.verb)
      const { hosts } = whomOf(parts, request.body, scope)
      const tells = runsSeen(scope)
      const around = { clusters: fleet.clusters, ledger, os, needs, ...(tells === undefined ? {} : { tells }) }
      const obstacle = obstacleTo(parts, { verb, driver, hosts }, scope)
      const nothing = obstacle === null ? '' : `nothing would be started: ${obstacle.message}`
      const shown = hosts.map(host => {
        const record = fleet.byHost(host)
        if (record === undefined || !sees(scope, record))
          return { host, launch: false, because: 'no VM has this host name' }
        const because = whyNotNow(record, around) || nothing
        return { host, launch: because === '', because }
      })
      return { verb, steps: steps.map(({ name, template }) => ({ name, template })), hosts: shown }
    },
  )
  app.post<{ Params: { id: string } }>(
    '/api/v1/runs/:id/cancel',
    { schema: { querystring }, config: { api: CANCEL } },
    async (request, reply) => {
      const caller = requireRight(request, 'run')
      const run = runFor(parts, request.params.id, caller.scope)
      refuseImpossible(run)
      // It may run on, unseen: rulebooks and webhooks, which may run, must not open what it holds.
      if (run.external !== undefined) requireRight(request, 'admin')
      const { log, now, newId } = parts
      const command: CancelCommand = {
        schema: 1,
        kind: 'cancel',
        id: newId(),
        run: run.id,
        asked_by: caller.name,
        at: now(),
      }
      await log.append([{ stream: 'commands', key: command.id, value: command }])
      return reply.status(202).header('location', `/api/v1/runs/${run.id}`).send({ id: command.id, run: run.id })
    },
  )
}

function refuseImpossible(run: Run): void {
  if (run.status === 'finished')
    throw new Problem(409, 'run_ended', `run ${run.id} has ended`, { hint: `it came to: ${run.outcome}` })
  if (run.external !== undefined && run.unread_at === undefined)
    throw new Problem(409, 'not_ours', `run ${run.id} was launched from the controller`, {
      hint: `cancel job ${run.job?.id ?? 0} there`,
    })
}
