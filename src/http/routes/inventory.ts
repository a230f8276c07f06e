import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Inventory } from '../../inventory/index.ts'
import type { Caller } from '../auth.ts'
import { type Description, json, query, text } from '../description.ts'
import { type AppParts, requireView } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'

const compress = promisify(gzip)
/** Seconds after which a closed inventory is worth asking for again. */
const RETRY_AFTER = '5'

type Open = Extract<Inventory, { kind: 'document' }>
type Closed = Extract<Inventory, { kind: 'closed' }>

const CLOSED = { 503: ['not_synced', 'stale'] }
const LIST: Omit<Description, 'id'> = {
  summary: 'The inventory, as Ansible takes it; or why a host is as it is, or what changed',
  right: 'read',
  answers: {
    200: json(
      'The inventory; with why, why that host is as it is; with since, what joined, left and changed',
      { oneOf: [shape('Inventory'), shape('Why'), shape('Difference')] },
      {
        etag: 'Strong; the same for the same content',
        vary: 'What the answer depends on',
        'cache-control': 'no-cache',
      },
    ),
    304: { description: 'It is as it was', headers: { etag: 'The same', vary: 'The same' } },
  },
  problems: { 404: ['no_view', 'no_past'], ...CLOSED },
}
const HOST: Description = {
  id: 'readHost',
  summary: 'The variables of one host',
  right: 'read',
  answers: { 200: json('Its variables', shape('HostVars')) },
  problems: { 404: ['no_view', 'not_listed'], ...CLOSED },
}

interface Ask {
  readonly Params: { readonly view?: string; readonly host?: string }
  readonly Querystring: { readonly why?: string; readonly since?: string; readonly view?: string }
}

/**
 * The dynamic inventory that AAP pulls, whole or by view: one document, a strong ETag, closed until every cluster that could be in it
 * has been read once. Beside it the variables of one host, and why a host is as it is.
 */
export function inventoryRoutes(app: FastifyInstance, parts: AppParts): void {
  const packed = new Map<string, { etag: string; body: Promise<Buffer> }>()
  const pack = (view: string, { etag, body }: Open): Promise<Buffer> => {
    const known = packed.get(view)
    if (known?.etag === etag) return known.body
    // Compressed once for each content, however many ask.
    const fresh = { etag, body: compress(body) }
    packed.set(view, fresh)
    return fresh.body
  }
  const list = async (request: FastifyRequest<Ask>, reply: FastifyReply): Promise<unknown> => {
    const { view = '' } = request.params
    const caller = authorize(parts, request, view)
    const { why, since } = request.query
    request.told = { view, host: why ?? '' }
    if (why !== undefined) return parts.inventory.why(why, parts.now(), { view, ofOthers: caller.views === undefined })
    const inventory = openOf(parts, view)
    request.told = { view, hosts: inventory.hosts }
    if (since !== undefined) return differenceOf(parts, view, since, inventory.etag)
    void reply.headers({ etag: inventory.etag, 'cache-control': 'no-cache', vary: 'authorization, accept-encoding' })
    if (matches(request.headers['if-none-match'], inventory.etag)) return reply.status(304).send()
    void reply.type('application/json; charset=utf-8')
    if (!takesGzip(request.headers['accept-encoding']?.toString())) return reply.send(inventory.body)
    return reply.header('content-encoding', 'gzip').send(await pack(view, inventory))
  }
  const schema = { querystring: query({ why: text(512, 'A host'), since: text(64, 'An ETag') }) }
  app.get<Ask>('/api/v1/inventory', { schema, config: { api: { id: 'readInventory', ...LIST } } }, list)
  app.get<Ask>('/api/v1/inventory/:view', { schema, config: { api: { id: 'readView', ...LIST } } }, list)
  app.get<Ask>(
    '/api/v1/inventory/hosts/:host',
    { schema: { querystring: query({ view: text(63, 'A view') }) }, config: { api: HOST } },
    (ask, reply) => {
      const { view = '' } = ask.query
      const { host = '' } = ask.params
      ask.told = { view, host }
      authorize(parts, ask, view)
      openOf(parts, view)
      const vars = parts.inventory.varsOf(host, view)
      if (vars === null) throw notListed(host, view)
      return reply.header('cache-control', 'no-cache').type('application/json; charset=utf-8').send(vars)
    },
  )
}

/** Who may read the view; and there is one. */
function authorize(parts: AppParts, request: FastifyRequest, view: string): Caller {
  const caller = requireView(request, view)
  const { views } = parts.inventory
  if (view === '' || views.includes(view)) return caller
  const known = views.length === 0 ? 'none is configured' : `there are ${views.join(', ')}`
  throw new Problem(404, 'no_view', `there is no view "${view}"; ${known}`, {
    hint: 'views are configured under inventory.views; GET /api/v1/inventory is the whole fleet',
    more: { views },
  })
}

function openOf(parts: AppParts, view: string): Open {
  const inventory = parts.inventory.read(parts.now(), view)
  if (inventory.kind === 'closed') throw inventory.because === 'unread' ? unread(inventory) : unseen(inventory)
  return inventory
}

/** What joined, left and changed since the document with that ETag, with or without its quotes. */
function differenceOf(parts: AppParts, view: string, since: string, etag: string): object {
  const before = `"${since.replace(/^(W\/)?"|"$/g, '')}"`
  const difference = parts.inventory.differenceOf(before, etag, view)
  if (difference !== null) return { since: before, etag, ...difference }
  throw new Problem(404, 'no_past', `${before} is no document that is remembered`, {
    hint: 'compare with a later one: past documents are remembered until the next start, and a bounded number of them',
  })
}

/** Never a shorter list: an inventory with a cluster missing would make AAP delete its hosts. */
function unread({ clusters }: Closed): Problem {
  return new Problem(503, 'not_synced', `not read yet: ${clusters.join(', ')}`, {
    hint: 'GET /readyz says why; the inventory opens when each was read once',
    more: { clusters },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

function unseen({ clusters }: Closed): Problem {
  return new Problem(503, 'stale', `can not be seen: ${clusters.join(', ')}`, {
    hint: 'GET /readyz says why; the view is set to on_stale: fail, so it opens when each is seen again',
    more: { clusters },
    headers: { 'retry-after': RETRY_AFTER },
  })
}

function notListed(host: string, view: string): Problem {
  const where = view === '' ? '' : ` in the view "${view}"`
  return new Problem(404, 'not_listed', `no host is called "${host}"${where}`, {
    hint: `GET /api/v1/inventory${view === '' ? '' : `/${view}`}?why=${encodeURIComponent(host)} says why`,
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
