import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isNarrow } from '../../fleet/index.ts'
import { CODINGS, type Document, type Sight } from '../../inventory/index.ts'
import { streamOf } from '../chunks.ts'
import { closed, type Description, json, query, text } from '../description.ts'
import { type AppParts, requireView } from '../parts.ts'
import { codingFor, namesTag } from '../preference.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'
import { closedProblem, notListed } from './inventory-problem.ts'

const CLOSED = { 503: ['not_synced', 'stale', 'shrunk'] }
/** Who keeps an answer asks whether it still holds before it uses it. */
const FRESH = { 'cache-control': 'no-cache' }
const LIST: Omit<Description, 'id'> = {
  summary: 'The inventory, as Ansible takes it; or why a host is as it is',
  right: 'read',
  answers: {
    200: json(
      'The inventory; with why, why that host is as it is',
      { oneOf: [shape('Inventory'), shape('Why')] },
      {
        etag: 'Strong; the same for the same content',
        vary: 'What the answer depends on',
        ...FRESH,
      },
    ),
    304: { description: 'It is as it was', headers: { etag: 'The same', vary: 'The same', ...FRESH } },
  },
  problems: { 404: ['no_view', 'no_format'], ...CLOSED },
}
const DIFFERENCE: Omit<Description, 'id'> = {
  summary: 'What joined, left and changed since a document that was served',
  right: 'read',
  answers: { 200: json('By the names of the hosts', shape('Difference'), FRESH) },
  problems: { 404: ['no_view', 'no_format', 'no_past'], ...CLOSED },
}
const HOST: Description = {
  id: 'readHost',
  summary: 'The variables of one host',
  right: 'read',
  answers: { 200: json('Its variables', shape('HostVars'), FRESH) },
  problems: { 404: ['no_view', 'no_format', 'not_listed'], ...CLOSED },
}

interface Ask {
  readonly Params: { readonly view?: string; readonly host?: string }
  readonly Querystring: Readonly<Partial<Record<'why' | 'format' | 'view', string>>>
}
interface AskSince {
  readonly Params: { readonly view?: string }
  readonly Querystring: { readonly since: string; readonly format?: string }
}

const FORMAT = { format: text(63, 'A format') }

/**
 * The dynamic inventory that AAP pulls, whole or by view: one document, a strong ETag, closed until every cluster that could be in it
 * has been read once. Beside it the variables of one host, why a host is as it is, and what changed.
 */
export function inventoryRoutes(app: FastifyInstance, all: AppParts): void {
  lists(app, all)
  differences(app, all)
  app.get<Ask>(
    '/api/v1/inventory/hosts/:host',
    { schema: { querystring: query({ view: text(63, 'A view'), ...FORMAT }) }, config: { api: HOST } },
    async (ask, reply) => {
      const parts = asNow(all)
      const { format = '' } = ask.query
      const { host = '' } = ask.params
      ask.told = { view: ask.query.view ?? '', host }
      const { view, within } = authorize(parts, ask, ask.query.view)
      const sight = { view, format: formatOf(parts, format), within }
      await parts.inventory.prepareHosts(sight)
      const isClosed = parts.inventory.closed(parts.now(), sight)
      if (isClosed !== null) throw closedProblem({ kind: 'closed', ...isClosed })
      const vars = parts.inventory.varsOf(host, sight)
      if (vars === null) throw missing(parts, host, sight)
      return reply.headers(FRESH).type('application/json; charset=utf-8').send(vars)
    },
  )
}

function lists(app: FastifyInstance, all: AppParts): void {
  const list = async (request: FastifyRequest<Ask>, reply: FastifyReply): Promise<unknown> => {
    const parts = asNow(all)
    const { view, within, ofOthers } = authorize(parts, request, request.params.view)
    const { why, format = '' } = request.query
    const sight = { view, format: formatOf(parts, format), within }
    request.told = { view, host: why ?? '' }
    await (why === undefined ? parts.inventory.prepare(sight) : parts.inventory.prepareHosts(sight))
    if (why !== undefined)
      return reply.headers(FRESH).send(parts.inventory.why(why, parts.now(), { ...sight, ofOthers }))
    const inventory = openOf(parts, sight)
    request.told = { view, hosts: inventory.hosts }
    return answer(inventory, request, reply)
  }
  const schema = { querystring: query({ why: text(512, 'A host'), ...FORMAT }) }
  app.get<Ask>('/api/v1/inventory', { schema, config: { api: { id: 'readInventory', ...LIST } } }, list)
  app.get<Ask>('/api/v1/inventory/:view', { schema, config: { api: { id: 'readView', ...LIST } } }, list)
}

/** No view can be called `diff`: see the faults of views. */
function differences(app: FastifyInstance, all: AppParts): void {
  const schema = { querystring: closed({ since: text(64, 'An ETag'), ...FORMAT }, ['since']) }
  const compare = async (request: FastifyRequest<AskSince>, reply: FastifyReply): Promise<unknown> =>
    reply.headers(FRESH).send(await compared(asNow(all), request))
  app.get<AskSince>(
    '/api/v1/inventory/diff',
    { schema, config: { api: { id: 'readChanges', ...DIFFERENCE } } },
    compare,
  )
  app.get<AskSince>(
    '/api/v1/inventory/:view/diff',
    { schema, config: { api: { id: 'readChangesOfView', ...DIFFERENCE } } },
    compare,
  )
}

async function compared(parts: AppParts, request: FastifyRequest<AskSince>): Promise<unknown> {
  const { view, within } = authorize(parts, request, request.params.view)
  const { since, format = '' } = request.query
  const sight = { view, format: formatOf(parts, format), within }
  request.told = { view, host: '' }
  await parts.inventory.prepare(sight)
  const { etag, hosts } = openOf(parts, sight)
  request.told = { view, hosts }
  return differenceOf(parts, sight, since, etag)
}

/** The parts of one answer: another configuration may bring another inventory while it is made. */
function asNow(parts: AppParts): AppParts {
  return { ...parts, inventory: parts.inventory }
}

/**
 * Which part of the view may be read by who asks, and whether more than that may be told of; when there is such a view. `named`: undefined
 * for the whole. An empty name is that of no view: who forgot it must not get the whole fleet.
 */
function authorize(
  parts: AppParts,
  request: FastifyRequest,
  named: string | undefined,
): { view: string; within: Sight['within']; ofOthers: boolean } {
  const view = named ?? ''
  const { scope, views: only } = requireView(request, view)
  const within = isNarrow(scope) ? scope : undefined
  const { views } = parts.inventory
  if (named === undefined || views.includes(view))
    return { view, within, ofOthers: only === undefined && within === undefined }
  const known = views.length === 0 ? 'none is configured' : `there are ${views.join(', ')}`
  throw new Problem(404, 'no_view', `there is no view "${view}"; ${known}`, {
    hint: 'views are configured under inventory.views; GET /api/v1/inventory is the whole fleet',
    more: { views },
  })
}

/** A format that is there; empty for that of the view. */
function formatOf({ inventory }: AppParts, format: string): string {
  const { formats } = inventory
  if (format === '' || formats.includes(format)) return format
  const known = formats.length === 0 ? 'none is configured' : `there are ${formats.join(', ')}`
  throw new Problem(404, 'no_format', `there is no format "${format}"; ${known}`, {
    hint: 'formats are configured under inventory.formats; a view may have one by itself',
    more: { formats },
  })
}

function openOf(parts: AppParts, sight: Sight): Document {
  const inventory = parts.inventory.read(parts.now(), sight)
  if (inventory.kind === 'closed') throw closedProblem(inventory)
  return inventory
}

/** Of a view that is held back for what it lacks no host is known to be gone. */
function missing({ inventory, now }: AppParts, host: string, sight: Sight): Problem {
  const held = inventory.held(now(), sight)
  return held === null ? notListed(host, sight.view ?? '') : closedProblem(held)
}

/** The document in the coding that suits the client best, or that it is what the client has. Each coding has an entity tag of its own. */
async function answer(document: Document, { method, headers }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const coding = codingFor(headers['accept-encoding']?.toString(), OFFERED)
  const etag = tagIn(document.etag, coding)
  void reply.headers({ etag, ...FRESH, vary: 'accept-encoding, authorization' })
  // Of no body at all Fastify tells the length 0, which would be that of the document.
  if (namesTag(headers['if-none-match'], etag))
    return reply.status(304).send(method === 'HEAD' ? streamOf([]) : undefined)
  void reply.type('application/json; charset=utf-8')
  if (coding !== 'identity') void reply.header('content-encoding', coding)
  // What nobody reads is not compressed for its length.
  if (method === 'HEAD' && coding !== 'identity') return reply.send(streamOf([]))
  const { chunks, length } = coding === 'identity' ? document.plain : await document.encoded(coding)
  void reply.header('content-length', length)
  return reply.send(streamOf(method === 'HEAD' ? [] : chunks))
}

/** Of equals zstd: it is quicker on both sides. */
const OFFERED = [...CODINGS].reverse()

/** RFC 9110 §8.8.3.3: a strong tag is of one coding alone. */
function tagIn(etag: string, coding: string): string {
  return coding === 'identity' ? etag : `${etag.slice(0, -1)}-${coding}"`
}

/** What joined, left and changed since the document with that ETag, with or without its quotes. */
function differenceOf(parts: AppParts, sight: Sight, since: string, etag: string): object {
  const before = `"${since.replace(/^(W\/)?"|(-gzip|-zstd)?"?$/g, '')}"`
  const difference = parts.inventory.differenceOf(before, etag, sight)
  if (difference !== null) return { since: before, etag, ...difference }
  throw new Problem(404, 'no_past', `${before} is no document that is remembered`, {
    hint: 'compare with a later one: past documents are remembered until the next start, and a bounded number of them',
  })
}
