import type { FastifyInstance } from 'fastify'
import type { ConfirmLossCommand } from '../../day2/index.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'

/** What the log lost and nobody has confirmed, and the word of a person about it. */
export function lossRoutes(app: FastifyInstance, parts: AppParts): void {
  app.get('/api/v1/losses', request => {
    requireRight(parts, request, 'read')
    return { losses: parts.log.losses() }
  })
  app.post<{ Params: { stream: string } }>('/api/v1/losses/:stream/confirm', async (request, reply) => {
    const caller = requireRight(parts, request, 'admin')
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
  })
}
