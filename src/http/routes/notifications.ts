import type { FastifyInstance } from 'fastify'
import type { LookCommand } from '../../day2/index.ts'
import { pause } from '../../waiting.ts'
import { closed, type Description, json, query } from '../description.ts'
import { type AppParts, requireCaller, requireRight } from '../parts.ts'

/** Between two looks that notifications ask for; those that come in between share the second. */
const LOOK_EVERY_MS = 1_000

const LOOK: Description = {
  id: 'notify',
  summary:
    'Says that something has happened at the controller: it is looked at sooner, and nothing that is said is believed',
  right: 'notify',
  answers: {
    202: json('Whether it brought a look; false: one was due already', closed({ look: { type: 'boolean' } })),
  },
}

/** The hints of a controller. What they say is not read: they are lost, doubled, out of order, and signed by nobody. */
export function notificationRoutes(app: FastifyInstance, parts: AppParts): void {
  const { log, now, newId, signal, logger } = parts
  let looked = -Infinity
  let isDue = false
  const look = async (): Promise<void> => {
    looked = now()
    const command: LookCommand = { schema: 1, kind: 'look', id: newId(), at: looked }
    await log.append([{ stream: 'commands', key: command.id, value: command }])
  }
  // The last of many may be the one that matters.
  const later = async (ms: number): Promise<void> => {
    isDue = true
    await pause(ms, signal)
    isDue = false
    if (!signal.aborted) await look()
  }
  const route = { schema: { querystring: query() }, config: { api: LOOK } }
  app.post('/api/v1/controller/notifications', route, async (request, reply) => {
    // Who may read may say so too; who may say no more than that reads nothing.
    requireRight(request, requireCaller(request).can.includes('read') ? 'read' : 'notify')
    const rest = looked + LOOK_EVERY_MS - now()
    const isNews = !isDue
    if (isNews && (rest <= 0 || rest > LOOK_EVERY_MS)) await look()
    else if (isNews) later(rest).catch((error: unknown) => logger.warn({ error }, 'a notification brought no look'))
    return reply.status(202).send({ look: isNews })
  })
}
