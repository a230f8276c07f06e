import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { AppParts } from './parts.ts'
import { Problem } from './problem.ts'
import { eventRoutes } from './routes/events.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { inventoryRoutes } from './routes/inventory.ts'
import { probeRoutes } from './routes/probes.ts'
import { runRoutes } from './routes/runs.ts'

/** The largest body that is read: a run of 10,000 hosts. */
const BODY_LIMIT = 1_048_576

/** The HTTP face: routes, who may use them, and one shape for everything that goes wrong. Not listening yet. */
export function buildApp(parts: AppParts): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    return503OnClosing: true,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
  })
  app.setErrorHandler((error, request, reply) => answerError(parts, error, request, reply))
  app.setNotFoundHandler((_request, reply) =>
    send(reply, new Problem(404, 'not_found', 'there is nothing here', { hint: 'the API begins at /api/v1/' })),
  )
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
  return app
}

function answerError(parts: AppParts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Problem) return send(reply, error)
  const { statusCode, message, code } = error as { statusCode?: number; message?: string; code?: string }
  if (statusCode !== undefined && statusCode < 500)
    return send(reply, new Problem(statusCode, (code ?? 'bad_request').toLowerCase(), message ?? 'bad request'))
  parts.logger.error({ err: error, route: request.routeOptions.url }, 'a request failed')
  return send(reply, new Problem(500, 'internal', 'something went wrong here; the log says what'))
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.status(problem.status).headers(problem.headers).send(problem.body())
}
