import type { FastifyInstance } from 'fastify'
import { type Brake, type ReleaseCommand, whyBraked } from '../../day2/index.ts'
import { closed, type Description, json, query, text } from '../description.ts'
import { type AppParts, requireAll } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'

/** Hosts that are named; of more their number is told. */
const NAMED = 500

const READ: Description = {
  id: 'readBrake',
  summary: 'Whether what starts by itself is held for a person, and which hosts are due',
  right: 'read',
  answers: { 200: json('The brake', shape('Brake')) },
}
const RELEASE: Description = {
  id: 'releaseBrake',
  summary: 'Lets go on what the brake holds',
  right: 'admin',
  answers: { 202: json('It is told to the bridge', closed({ id: { type: 'string' }, hosts: { type: 'integer' } })) },
  problems: { 409: ['not_braked', 'other_brake'] },
}
const WHOLE = 'the brake is for all of it'

/** The brake on what starts by itself, and the word of a person about it. */
export function brakeRoutes(app: FastifyInstance, parts: AppParts): void {
  const { dueBySelf = () => [] } = parts
  const querystring = query()
  app.get('/api/v1/brake', { schema: { querystring }, config: { api: READ } }, request => {
    requireAll(request, 'read', WHOLE)
    const { brake } = parts.ledger
    const due = dueBySelf()
    const held = brake === undefined ? null : { id: brake.id, at: brake.at, because: whyBraked(brake) }
    return { held, due: due.length, hosts: due.slice(0, NAMED) }
  })
  const body = closed({ brake: { ...text(64), description: 'Its id: what was looked at, and no later one' } }, [
    'brake',
  ])
  app.post<{ Body: { brake: string } }>(
    '/api/v1/brake/release',
    { schema: { querystring, body }, config: { api: RELEASE } },
    async (request, reply) => {
      const caller = requireAll(request, 'admin', WHOLE)
      const { id } = seen(parts.ledger.brake, request.body.brake)
      const command: ReleaseCommand = {
        schema: 1,
        kind: 'release_brake',
        id: parts.newId(),
        brake: id,
        asked_by: caller.name,
        at: parts.now(),
      }
      await parts.log.append([{ stream: 'commands', key: command.id, value: command }])
      return reply.status(202).send({ id: command.id, hosts: dueBySelf().length })
    },
  )
}

/** Nobody releases what they did not see. */
function seen(brake: Brake | undefined, id: string): Brake {
  if (brake === undefined)
    throw new Problem(409, 'not_braked', 'no brake holds anything', { hint: 'GET /api/v1/brake tells of one' })
  if (brake.id !== id)
    throw new Problem(409, 'other_brake', 'another brake was set since that was looked at', {
      hint: 'look again: GET /api/v1/brake',
    })
  return brake
}
