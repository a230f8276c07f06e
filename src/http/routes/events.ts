import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isNarrow, type Scope, sees, seesKey } from '../../fleet/index.ts'
import { START, type EventStream, type Position, POSITION_PATTERN, type Stored } from '../../log/index.ts'
import { closed, type Description, listOf, query } from '../description.ts'
import { auditStream } from '../audit.ts'
import type { Caller } from '../auth.ts'
import { whileEntitled } from '../entitlement.ts'
import { LIMITS } from '../limits.ts'
import { type AppParts, requireAll, requireClusters, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'
import { sendEvents } from '../stream.ts'

/** Streams of events by what they are called in requests. */
export const STREAMS: Readonly<Record<string, EventStream>> = {
  vm: 'events.vm',
  cluster: 'events.cluster',
  day2: 'events.day2',
  dead: 'events.dead',
}
const ONE_POSITION = new RegExp(`^${POSITION_PATTERN}$`)
const PAGE = 100
const MAX_PAGE = 500
/** Readers that follow at the same time. */
export const MAX_FOLLOWERS = 200

const API: Description = {
  id: 'readEvents',
  summary: 'Events, a page at a time or as a stream',
  right: 'read',
  answers: {
    200: {
      description: 'A page, with the position to go on from; or, when it is asked for, a stream that does not end',
      content: {
        'application/json': closed({ events: listOf(shape('Event')), next: { type: 'string' } }),
        'text/event-stream': { type: 'string' },
      },
    },
  },
  problems: { 503: ['too_many_followers'] },
}
const QUERY = query({
  stream: { type: 'string', enum: Object.keys(STREAMS), default: 'vm', description: 'Which events' },
  after: {
    type: 'string',
    pattern: `^(${POSITION_PATTERN}|now)$`,
    maxLength: 256,
    default: START,
    description: 'The position to go on from, or now',
  },
  limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: PAGE, description: 'Events of a page' },
  follow: { type: 'string', maxLength: 16, description: 'Asks for a stream, as accept: text/event-stream does' },
})
const HEADERS = {
  type: 'object',
  properties: {
    'last-event-id': {
      type: 'string',
      maxLength: 1_024,
      description: 'The position to go on from, of a stream that broke off',
    },
  },
}

interface EventQuery {
  readonly stream: string
  readonly after: string
  readonly limit: number
  readonly follow?: string
}

/** Events, a page at a time or as a server-sent stream that goes on where `after` or `Last-Event-ID` stands. */
export function eventRoutes(app: FastifyInstance, parts: AppParts): void {
  let followers = 0
  const options = { schema: { querystring: QUERY, headers: HEADERS }, config: { api: API } }
  app.get<{ Querystring: EventQuery }>('/api/v1/events', options, async (request, reply) => {
    const stream = STREAMS[request.query.stream] ?? 'events.vm'
    const { scope } = readerOf(request, stream)
    const visible = (entry: Stored): boolean => seesKey(scope, entry.key)
    const from = startOf(request, parts, stream)
    if (!wantsStream(request)) {
      const entries = await parts.log.page(stream, from, request.query.limit)
      return {
        events: entries.filter(visible).map(entry => shownTo(parts, scope, entry)),
        next: entries.at(-1)?.position ?? from,
      }
    }
    if (followers >= MAX_FOLLOWERS)
      throw new Problem(503, 'too_many_followers', `${MAX_FOLLOWERS} readers follow already`, {
        hint: 'come back when some have left; a rulebook or a page needs one stream, not many',
        headers: { 'retry-after': '10' },
      })
    followers += 1
    const left = new AbortController()
    reply.raw.once('close', () => left.abort())
    const signal = AbortSignal.any([left.signal, parts.signal, whileEntitled(parts, request, left.signal)])
    reply.raw.socket?.setTimeout(parts.limits?.stalledFollowerMs ?? LIMITS.stalledFollowerMs)
    auditStream(parts, request, {})
    reply.hijack()
    try {
      await sendEvents(
        reply.raw,
        only(parts.log.follow(stream, from, signal), visible, entry => shownTo(parts, scope, entry)),
        { from },
        signal,
      )
    } finally {
      followers -= 1
    }
    return reply
  })
}

/** Who may read a stream: of runs and dead letters no part is known, so that they are for who may know of everything. */
export function readerOf(request: FastifyRequest, stream: EventStream): Caller {
  if (stream === 'events.vm') return requireRight(request, 'read')
  if (stream === 'events.cluster') return requireClusters(request, 'read', 'these events are of clusters as a whole')
  return requireAll(request, 'read', 'these events are of all of it')
}

/** The entries that are visible, as they are shown. */
async function* only(
  entries: AsyncIterable<Stored>,
  visible: (entry: Stored) => boolean,
  shown: (entry: Stored) => Stored['value'],
): AsyncIterable<Stored> {
  for await (const entry of entries) if (visible(entry)) yield { ...entry, value: shown(entry) }
}

/** The event, without the name of a rival that may not be known of. */
export function shownTo(parts: AppParts, scope: Scope, { value }: Stored): Stored['value'] {
  const event: { data?: { fact?: string; transition?: { from: string; to: string } } } | null = value
  const { data } = event ?? {}
  if (!isNarrow(scope) || data?.fact?.startsWith('address_conflict') !== true) return event
  const rivals = [data.transition?.from ?? '', data.transition?.to ?? ''].filter(host => host !== '')
  const isSeen = (host: string): boolean => {
    const record = parts.fleet.byHost(host)
    return record !== undefined && sees(scope, record)
  }
  if (rivals.every(isSeen)) return event
  return { ...event, data: { ...data, transition: { from: '', to: '' }, reason: 'another VM has the better claim' } }
}

/** HEAD asks for headers alone: a stream would hold its connection for nothing. */
function wantsStream(request: FastifyRequest<{ Querystring: EventQuery }>): boolean {
  if (request.method === 'HEAD') return false
  return request.query.follow !== undefined || request.headers.accept?.includes('text/event-stream') === true
}

function startOf(request: FastifyRequest<{ Querystring: EventQuery }>, parts: AppParts, stream: EventStream): Position {
  const last = request.headers['last-event-id']?.toString()
  if (last !== undefined && ONE_POSITION.test(last)) return last
  return request.query.after === 'now' ? parts.log.end(stream) : request.query.after
}
