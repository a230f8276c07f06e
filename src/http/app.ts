import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type AppParts, requireCaller } from './parts.ts'
import { Problem } from './problem.ts'
import { eventRoutes } from './routes/events.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { inventoryRoutes } from './routes/inventory.ts'
import { lossRoutes } from './routes/losses.ts'
import { probeRoutes } from './routes/probes.ts'
import { runRoutes } from './routes/runs.ts'

/** The largest body that is read: a run of 10,000 hosts. */
const BODY_LIMIT = 1_048_576
/** The longest part of a path: a host name is up to 381 characters, three each when they are escaped. */
const MAX_PARAM = 1_200
/** What a fault of the request is called, by its status; Fastify's own codes are no part of this API. */
const CODES: Readonly<Record<number, { code: string; hint: string }>> = {
  400: { code: 'bad_request', hint: 'mend the request as the message says' },
  413: { code: 'too_large', hint: 'send less at once: a run takes 500 hosts' },
  414: { code: 'too_long', hint: 'no name here is that long' },
  415: { code: 'no_json', hint: 'send content-type: application/json' },
}

/** The HTTP face: routes, who may use them, and one shape for everything that goes wrong. Not listening yet. */
export function buildApp(parts: AppParts): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM },
    return503OnClosing: true,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
  })
  app.setErrorHandler((error, request, reply) => answerError(parts, error, request, reply))
  app.setNotFoundHandler((_request, reply) =>
    send(reply, new Problem(404, 'not_found', 'there is nothing here', { hint: 'the API begins at /api/v1/' })),
  )
  // Who asks comes first: a stranger's body is not read, and learns nothing from how it is refused.
  app.addHook('onRequest', async request => {
    if (!request.is404 && request.url.startsWith('/api/')) requireCaller(parts, request)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    parts.metrics.requests.observe(
      { route, method: request.method, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    )
    done()
  })
  probeRoutes(app, parts)
  inventoryRoutes(app, parts)
  fleetRoutes(app, parts)
  eventRoutes(app, parts)
  runRoutes(app, parts)
  lossRoutes(app, parts)
  return app
}

function answerError(parts: AppParts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Problem) return send(reply, error)
  const { statusCode, message } = error as { statusCode?: number; message?: string }
  if (statusCode !== undefined && statusCode < 500) {
    const known = CODES[statusCode] ?? { code: 'bad_request', hint: 'mend the request as the message says' }
    return send(reply, new Problem(statusCode, known.code, message ?? 'bad request', { hint: known.hint }))
  }
  parts.logger.error({ err: error, route: request.routeOptions.url }, 'a request failed')
  return send(
    reply,
    new Problem(500, 'internal', 'something went wrong here', { hint: 'the log of virtbridge says what' }),
  )
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.status(problem.status).headers(problem.headers).send(problem.body())
}
