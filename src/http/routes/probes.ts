import type { FastifyInstance } from 'fastify'
import { closed, type Description, json, query } from '../description.ts'
import { healthOf } from '../health.ts'
import type { AppParts } from '../parts.ts'
import { shape } from '../shapes.ts'

const LIVE: Description = {
  id: 'isAlive',
  summary: 'The process works',
  right: null,
  answers: { 200: json('It does', closed({ status: { const: 'alive' }, version: { type: 'string' } })) },
}
const READY: Description = {
  id: 'isReady',
  summary: 'What works and what does not',
  right: null,
  answers: { 200: json('It is of use', shape('Health')), 503: json('It is not', shape('Health')) },
}
const METRICS: Description = {
  id: 'readMetrics',
  summary: 'Metrics, as Prometheus reads them',
  right: null,
  answers: { 200: { description: 'Samples', content: { 'text/plain': { type: 'string' } } } },
}

/** Liveness, readiness and metrics: open to everybody, and free of VM names. */
export function probeRoutes(app: FastifyInstance, parts: AppParts): void {
  const schema = { querystring: query() }
  app.get('/livez', { schema, config: { api: LIVE } }, () => ({ status: 'alive', version: parts.version }))
  app.get('/readyz', { schema, config: { api: READY } }, (_request, reply) => {
    const health = healthOf({ log: parts.log, fleet: parts.fleet, expected: parts.expected, extra: parts.checks() })
    return reply.status(health.status === 'not_ready' ? 503 : 200).send(health)
  })
  app.get('/metrics', { schema, config: { api: METRICS } }, async (_request, reply) => {
    parts.metrics.vms.reset()
    parts.metrics.clusterStatus.reset()
    for (const cluster of parts.fleet.clusters.values()) {
      parts.metrics.vms.set({ cluster: cluster.name }, cluster.vms)
      parts.metrics.clusterStatus.set({ cluster: cluster.name, status: cluster.status }, 1)
    }
    const { writable, readable } = parts.log.health()
    parts.metrics.logWritable.set(writable ? 1 : 0)
    parts.metrics.logReadable.set(readable ? 1 : 0)
    parts.metrics.logLosses.set(parts.log.losses().length)
    parts.metrics.brakeHeld.set(parts.ledger.brake === undefined ? 0 : 1)
    return reply.type(parts.metrics.registry.contentType).send(await parts.metrics.registry.metrics())
  })
}
