import type { FastifyInstance } from 'fastify'
import type { ConfirmLossCommand } from '../../day2/index.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import { type AppParts, requireAll } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'

const LIST: Description = {
  id: 'listLosses',
  summary: 'What the log lost and nobody has confirmed',
  right: 'read',
  answers: { 200: json('The losses', closed({ losses: listOf(shape('Loss')) })) },
}
const CONFIRM: Description = {
  id: 'confirmLoss',
  summary: 'Says that a loss of records is known',
  right: 'admin',
  answers: { 202: json('It is told to the bridge', closed({ id: { type: 'string' }, loss: shape('Loss') })) },
  problems: { 409: ['not_lost'] },
}

/** What the log lost and nobody has confirmed, and the word of a person about it. */
export function lossRoutes(app: FastifyInstance, parts: AppParts): void {
  const schema = { querystring: query() }
  app.get('/api/v1/losses', { schema, config: { api: LIST } }, request => {
    requireAll(request, 'read', 'what is lost is of all of it')
    return { losses: parts.log.losses() }
  })
  app.post<{ Params: { stream: string } }>(
    '/api/v1/losses/:stream/confirm',
    { schema, config: { api: CONFIRM } },
    async (request, reply) => {
      const caller = requireAll(request, 'admin', 'what is lost is of all of it')
      const { stream } = request.params
      const loss = parts.log.losses().find(one => one.stream === stream)
      if (loss === undefined)
        throw new Problem(409, 'not_lost', `no loss of "${stream}" waits for anybody`, {
          hint: 'GET /api/v1/losses lists those that do',
        })
      const command: ConfirmLossCommand = {
        schema: 1,
        kind: 'confirm_loss',
        id: parts.newId(),
        loss: loss.id,
        stream: loss.stream,
        asked_by: caller.name,
        at: parts.now(),
      }
      await parts.log.append([{ stream: 'commands', key: command.id, value: command }])
      return reply.status(202).send({ id: command.id, loss })
    },
  )
}
