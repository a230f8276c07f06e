import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'

const compress = promisify(gzip)
/** Seconds after which a closed inventory is worth asking for again. */
const RETRY_AFTER = '5'

/** The dynamic inventory that AAP pulls: one document, a strong ETag, closed until every cluster has been read once. */
export function inventoryRoutes(app: FastifyInstance, parts: AppParts): void {
  let packed: { etag: string; body: Promise<Buffer> } | null = null
  app.get('/api/v1/inventory', async (request, reply) => {
    requireRight(parts, request, 'read')
    const inventory = parts.inventory.read(parts.now())
    if (inventory.kind === 'closed') throw closed(inventory.clusters)
    void reply.headers({ etag: inventory.etag, 'cache-control': 'no-cache', vary: 'authorization, accept-encoding' })
    if (matches(request.headers['if-none-match'], inventory.etag)) return reply.status(304).send()
    void reply.type('application/json; charset=utf-8')
    if (!takesGzip(request.headers['accept-encoding']?.toString())) return reply.send(inventory.body)
    // Compressed once for each content, however many ask.
    if (packed?.etag !== inventory.etag) packed = { etag: inventory.etag, body: compress(inventory.body) }
    return reply.header('content-encoding', 'gzip').send(await packed.body)
  })
}

/** Never a shorter list: an inventory with a cluster missing would make AAP delete its hosts. */
function closed(clusters: readonly string[]): Problem {
  return new Problem(503, 'not_synced', `not read yet: ${clusters.join(', ')}`, {
    hint: 'GET /readyz says why; the inventory opens when each was read once',
    more: { clusters },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

/** RFC 9110 §12.5.3, as far as gzip goes: `q=0` says no. */
function takesGzip(header = ''): boolean {
  const [, quality = '1'] = /(?:^|,)\s*gzip\s*(?:;\s*q=([0-9.]+))?\s*(?:,|$)/i.exec(header) ?? [undefined, '0']
  return Number(quality) > 0
}

/** RFC 9110 §13.1.2: a list of entity tags, compared weakly, or `*`. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}
