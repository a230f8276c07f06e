import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { addAudit } from './audit.ts'
import { Catalogue } from './catalogue.ts'
import { addGate } from './gate.ts'
import { boundLarge, hasLeft } from './large.ts'
import { LIMITS, MAX_SOCKETS, serverOptions } from './limits.ts'
import type { AppParts } from './parts.ts'
import { Problem, PROBLEM_TYPE } from './problem.ts'
import type { Part } from './request-fault.ts'
import { refusalOf, refuseExpectation, refuseUnreadable } from './refusal.ts'
import { brakeRoutes } from './routes/brake.ts'
import { clusterRoutes } from './routes/clusters.ts'
import { consumerRoutes } from './routes/consumers.ts'
import { documentRoutes } from './routes/document.ts'
import { eventRoutes } from './routes/events.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { inventoryRoutes } from './routes/inventory.ts'
import { lossRoutes } from './routes/losses.ts'
import { probeRoutes } from './routes/probes.ts'
import { historyRoutes } from './routes/history.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { runWatchRoute } from './routes/run-watch.ts'
import { runStartRoute } from './routes/run-start.ts'
import { runWishRoutes } from './routes/run-wishes.ts'
import { runRoutes } from './routes/runs.ts'

/**
 * Builds the HTTP server: hooks (audit, authentication and limits, large answers, metrics), then the routes. Every error becomes a problem of
 * RFC 9457 with a code of docs/operations.md; one that nobody foresaw is logged, and answered with 500 without its text. Does not listen yet.
 */
export function buildApp(parts: AppParts): FastifyInstance {
  const catalogue = new Catalogue()
  const limits = { ...LIMITS, ...parts.limits }
  const app = Fastify({
    logger: false,
    trustProxy: [...(parts.trustedProxies ?? [])],
    ...serverOptions(limits),
    return503OnClosing: false,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
    clientErrorHandler: refuseUnreadable,
    frameworkErrors: (error, request, reply) => void answerError(parts, error, request, reply),
  })
  app.addHook('onRoute', route => catalogue.add(route))
  app.setErrorHandler((error, request, reply) => answerError(parts, error, request, reply))
  app.setNotFoundHandler((request, reply) => send(reply, nothingAt(catalogue, request)))
  app.server.maxConnections = MAX_SOCKETS
  app.server.on('checkExpectation', refuseExpectation)
  addAudit(app, parts)
  addGate(app, parts, limits)
  boundLarge(app, limits)
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
  clusterRoutes(app, parts)
  eventRoutes(app, parts)
  consumerRoutes(app, parts)
  runStartRoute(app, parts)
  runRoutes(app, parts)
  runWishRoutes(app, parts)
  runWatchRoute(app, parts)
  notificationRoutes(app, parts)
  historyRoutes(app, parts)
  lossRoutes(app, parts)
  brakeRoutes(app, parts)
  documentRoutes(app, parts, catalogue)
  return app
}

function nothingAt(catalogue: Catalogue, request: FastifyRequest): Problem {
  const methods = catalogue.methodsAt(request.url.split('?', 1)[0] ?? '')
  if (methods.length === 0)
    return new Problem(404, 'not_found', 'there is nothing here', { hint: 'the API is told at /api/v1/openapi.json' })
  return new Problem(405, 'wrong_method', `this takes ${methods.join(', ')}`, {
    hint: 'the API is told at /api/v1/openapi.json',
    headers: { allow: methods.join(', ') },
  })
}

function answerError(parts: AppParts, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Problem) return send(reply, error)
  const schemas = (request.routeOptions.schema ?? {}) as Partial<Record<Part, { properties?: object }>>
  const refusal = refusalOf(error, part => Object.keys(schemas[part]?.properties ?? {}))
  if (refusal !== null) return send(reply, refusal)
  if (hasLeft(error, request)) return send(reply, new Problem(503, 'closing', 'nobody waits any more'))
  parts.logger.error({ err: error, route: request.routeOptions.url }, 'a request failed')
  return send(
    reply,
    new Problem(500, 'internal', 'something went wrong here', { hint: 'the log of virtbridge says what' }),
  )
}

/** Sends a problem. The body is a string, so that no serializer of the route changes it; headers that the route had set for its own content are removed. */
function send(reply: FastifyReply, problem: Problem): FastifyReply {
  for (const header of ['etag', 'vary', 'content-encoding', 'cache-control']) reply.removeHeader(header)
  return reply
    .status(problem.status)
    .headers({ ...problem.headers, 'cache-control': 'no-store' })
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problem.body()))
}
