import type { FastifyInstance } from 'fastify'
import type { AppParts } from '../parts.ts'
import { healthOf } from '../health.ts'

/** Liveness, readiness and metrics: open to everybody, and free of VM names. */
export function probeRoutes(app: FastifyInstance, parts: AppParts): void {
  app.get('/livez', () => ({ status: 'alive', version: parts.version }))
  app.get('/readyz', (_request, reply) => {
    const health = healthOf({ log: parts.log, fleet: parts.fleet, expected: parts.expected, extra: parts.checks() })
    return reply.status(health.status === 'not_ready' ? 503 : 200).send(health)
  })
  app.get('/metrics', async (_request, reply) => {
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
    return reply.type(parts.metrics.registry.contentType).send(await parts.metrics.registry.metrics())
  })
}
