import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Catalogue } from './catalogue.ts'
import { type AppParts, requireCaller } from './parts.ts'
import { Problem, PROBLEM_TYPE } from './problem.ts'
import { refusalOf, refuseUnreadable } from './refusal.ts'
import { documentRoutes } from './routes/document.ts'
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
/** The longest address of a request, with its query. */
const MAX_URL = 8_192
/** All headers of a request with its first line. */
const HEADER_BYTES = 16_384

/** The HTTP face: routes, who may use them, and one shape for everything that goes wrong. Not listening yet. */
export function buildApp(parts: AppParts): FastifyInstance {
  const catalogue = new Catalogue()
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM },
    http: { maxHeaderSize: HEADER_BYTES },
    return503OnClosing: false,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
    clientErrorHandler: refuseUnreadable,
    frameworkErrors: (error, request, reply) => void answerError(parts, error, request, reply),
  })
  app.addHook('onRoute', route => catalogue.add(route))
  app.setErrorHandler((error, request, reply) => answerError(parts, error, request, reply))
  app.setNotFoundHandler((request, reply) => send(reply, nothingAt(catalogue, request)))
  // Who asks comes first: a stranger's body is not read, and learns nothing from how it is refused.
  app.addHook('onRequest', async request => {
    if (request.url.length > MAX_URL)
      throw new Problem(414, 'too_long', `an address has ${MAX_URL} characters at most`, {
        hint: 'ask for less at once',
      })
    if (parts.signal.aborted)
      throw new Problem(503, 'closing', 'the service is closing', {
        hint: 'ask again in a moment',
        headers: { 'retry-after': '5' },
      })
    const { api } = request.routeOptions.config
    if (!request.is404 && api?.right !== null) requireCaller(parts, request)
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
  const { querystring } = (request.routeOptions.schema ?? {}) as { querystring?: { properties?: object } }
  const refusal = refusalOf(error, Object.keys(querystring?.properties ?? {}))
  if (refusal !== null) return send(reply, refusal)
  parts.logger.error({ err: error, route: request.routeOptions.url }, 'a request failed')
  return send(
    reply,
    new Problem(500, 'internal', 'something went wrong here', { hint: 'the log of virtbridge says what' }),
  )
}

/** As text, so that nothing lays it into another form. What an answer was to have said of its content goes. */
function send(reply: FastifyReply, problem: Problem): FastifyReply {
  for (const header of ['etag', 'content-encoding', 'cache-control']) reply.removeHeader(header)
  return reply
    .status(problem.status)
    .headers({ ...problem.headers, 'cache-control': 'no-store' })
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problem.body()))
}
