import type { FastifyInstance } from 'fastify'
import type { WatchCommand } from '../../day2/index.ts'
import { closed, type Description, json, query } from '../description.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { runFor } from './runs.ts'

/** Who says again within this time that they watch a run is known to, in ms: it is one command on the log. */
const SAID_MS = 15_000
/** Runs of which it is remembered who said so; more are under way at no time. */
const MAX_SAID = 1_000

const WATCH: Description = {
  id: 'watchRun',
  summary:
    'Says that somebody watches a run, for a minute: how its job goes is then told host by host, in progress of the run',
  right: 'read',
  answers: { 202: json('It is looked at', closed({ run: { type: 'string' } }), { location: 'The run' }) },
  problems: { 404: ['no_run'] },
}

/** Who watches a run says so here. */
export function runWatchRoute(app: FastifyInstance, parts: AppParts): void {
  const said = new Map<string, number>()
  app.post<{ Params: { id: string } }>(
    '/api/v1/runs/:id/watch',
    { schema: { querystring: query() }, config: { api: WATCH } },
    async (request, reply) => {
      const { scope } = requireRight(request, 'read')
      const { log, now, newId } = parts
      const run = runFor(parts, request.params.id, scope)
      const known = Math.abs(now() - (said.get(run.id) ?? -Infinity)) < SAID_MS
      if (run.status !== 'finished' && !known) {
        said.delete(run.id)
        said.set(run.id, now())
        for (const oldest of said.keys()) if (said.size > MAX_SAID) said.delete(oldest)
        const command: WatchCommand = { schema: 1, kind: 'watch', id: newId(), run: run.id, at: now() }
        await log.append([{ stream: 'commands', key: command.id, value: command }])
      }
      return reply.status(202).header('location', `/api/v1/runs/${run.id}`).send({ run: run.id })
    },
  )
}
