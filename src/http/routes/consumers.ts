import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { seesKey } from '../../fleet/index.ts'
import { type EventStream, isAfter, POSITION_PATTERN, START, type Stored } from '../../log/index.ts'
import { auditStream } from '../audit.ts'
import type { Caller } from '../auth.ts'
import type { Consumer, ConsumerName } from '../consumer.ts'
import { MAX_CONSUMERS, MAX_CONSUMERS_EACH } from '../consumer-register.ts'
import { closed, type Description, json, listOf, query } from '../description.ts'
import type { Delivery } from '../delivery.ts'
import { whileEntitled } from '../entitlement.ts'
import { LIMITS } from '../limits.ts'
import { type AppParts, requireRight } from '../parts.ts'
import { Problem } from '../problem.ts'
import { shape } from '../shapes.ts'
import { type Notice, sendEvents } from '../stream.ts'
import { readerOf, shownTo, STREAMS } from './events.ts'

const LIST: Description = {
  id: 'listConsumers',
  summary: 'The consumers of this token, with where each stands',
  right: 'read',
  answers: { 200: json('The consumers', closed({ consumers: listOf(shape('Consumer')) })) },
}
const FOLLOW: Description = {
  id: 'followAsConsumer',
  summary: 'Events as a stream, from where the consumer of this name stands; one that is new is made',
  right: 'read',
  answers: {
    200: {
      description:
        'A stream that does not end. Its first frame, of the type virtbridge.consumer, says where the consumer stands, whether it is new and what it missed; one of the type virtbridge.end says why the bridge ends it',
      content: { 'text/event-stream': { type: 'string' } },
    },
  },
  problems: { 406: ['stream_only'], 409: ['too_many_consumers'] },
}
const ACKNOWLEDGE: Description = {
  id: 'acknowledge',
  summary: 'Says that everything up to a position was dealt with',
  right: 'read',
  answers: { 200: json('Where the consumer stands now, durably', shape('Consumer')) },
  problems: { 404: ['no_consumer'], 409: ['position_ahead'] },
}
const FORGET: Description = {
  id: 'forgetConsumer',
  summary: 'Forgets a consumer of this token, with its position',
  right: 'read',
  answers: { 204: { description: 'It is forgotten' } },
  problems: { 404: ['no_consumer'] },
}

const NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'
const params = closed({
  name: { type: 'string', pattern: NAME, maxLength: 63, description: 'The name of the consumer, of this token alone' },
})
const stream = {
  type: 'string',
  enum: Object.keys(STREAMS).filter(name => name !== 'dead'),
  default: 'vm',
  description: 'Which events; a consumer has a position in each',
}
const FROM = {
  type: 'string',
  enum: ['latest', 'earliest'],
  default: 'latest',
  description: 'Where a consumer begins that is new: after what there is, or with the oldest that is kept',
}
const BODY = closed({ position: { type: 'string', pattern: `^${POSITION_PATTERN}$`, maxLength: 4_096 } })

interface Asked {
  Params: { name: string }
  Querystring: { stream: string; from: 'latest' | 'earliest' }
}

/** Readers of events by name: the bridge keeps where each stands, and it moves when they say that they dealt with what they were sent. */
export function consumerRoutes(app: FastifyInstance, parts: AppParts): void {
  const at = '/api/v1/consumers'
  app.get(at, { schema: { querystring: query() }, config: { api: LIST } }, request => {
    const { name } = requireRight(request, 'read')
    return { consumers: parts.consumers.of(name).map(shown) }
  })
  const schema = { params, querystring: query({ stream }) }
  app.get<Asked>(
    `${at}/:name/events`,
    { schema: { params, querystring: query({ stream, from: FROM }) }, config: { api: FOLLOW } },
    (request, reply) => follow(parts, request, reply),
  )
  app.post<Asked & { Body: { position: string } }>(
    `${at}/:name/position`,
    { schema: { ...schema, body: BODY }, config: { api: ACKNOWLEDGE } },
    async request => {
      const { caller, name } = nameOf(request)
      const { position } = request.body
      const end = parts.log.end(name.stream)
      if (position !== START && position !== end && !isAfter(end, position))
        throw new Problem(409, 'position_ahead', `${request.query.stream} has not come to ${position.slice(0, 64)}`, {
          hint: 'acknowledge the id of an event that was sent; a log that was made anew has other positions',
        })
      const consumer = await parts.consumers.acknowledge(name, position)
      if (consumer === null) throw unknown(caller, request.params.name)
      return shown({ ...consumer, connected: true })
    },
  )
  app.delete<Asked>(`${at}/:name`, { schema, config: { api: FORGET } }, async (request, reply) => {
    const { caller, name } = nameOf(request)
    if (!(await parts.consumers.forget(name))) throw unknown(caller, request.params.name)
    return reply.status(204).send()
  })
}

async function follow(parts: AppParts, request: FastifyRequest<Asked>, reply: FastifyReply): Promise<FastifyReply> {
  const { caller, name } = nameOf(request)
  // HEAD asks for headers alone: a stream would hold its connection for nothing.
  if (request.method === 'HEAD') return reply.type('text/event-stream').send()
  if (!takesStream(request.headers.accept))
    throw new Problem(406, 'stream_only', 'events of a consumer come as a stream alone', {
      hint: 'ask with Accept: text/event-stream; GET /api/v1/events has pages of JSON',
    })
  const opened = await parts.consumers.open(name, { from: request.query.from, scope: caller.scope })
  if (opened === null) throw tooMany(parts, name)
  const { consumer, delivery, made } = opened
  const left = new AbortController()
  reply.raw.once('close', () => left.abort())
  if (reply.raw.destroyed) left.abort()
  const entitled = whileEntitled(parts, request, left.signal)
  const signal = AbortSignal.any([left.signal, parts.signal, delivery.signal, entitled])
  reply.raw.socket?.setTimeout(parts.limits?.stalledFollowerMs ?? LIMITS.stalledFollowerMs)
  auditStream(parts, request, {})
  reply.hijack()
  const { position } = consumer
  const entries = delivery.deliver(
    parts.log.follow(name.stream, position, signal),
    ({ key }) => seesKey(caller.scope, key),
    signal,
  )
  const first = { event: 'virtbridge.consumer', data: { ...shown({ ...consumer, connected: true }), new: made } }
  try {
    await sendEvents(
      reply.raw,
      asShown(parts, caller, entries),
      { from: position, first, last: () => endOf(delivery) },
      signal,
    )
  } finally {
    await parts.consumers.close(name, delivery)
  }
  return reply
}

function takesStream(accept = '*/*'): boolean {
  return ['text/event-stream', 'text/*', '*/*'].some(type => accept.includes(type))
}

async function* asShown(parts: AppParts, { scope }: Caller, entries: AsyncIterable<Stored>): AsyncIterable<Stored> {
  for await (const entry of entries) yield { ...entry, value: shownTo(parts, scope, entry) }
}

function endOf({ because }: Delivery): Notice | null {
  return because === '' ? null : { event: 'virtbridge.end', data: { because } }
}

function nameOf(request: FastifyRequest<{ Params: { name: string }; Querystring: { stream: string } }>): {
  caller: Caller
  name: ConsumerName
} {
  const stream: EventStream = STREAMS[request.query.stream] ?? 'events.vm'
  const caller = readerOf(request, stream)
  return { caller, name: { token: caller.name, name: request.params.name, stream } }
}

/** A consumer as it is told. */
function shown({
  name,
  stream,
  position,
  made_at,
  seen_at,
  pending,
  gap,
  connected,
}: Consumer & { connected: boolean }): object {
  const called = Object.keys(STREAMS).find(key => STREAMS[key] === stream)
  return { name, stream: called, position, made_at, seen_at, connected, pending_since: pending?.at ?? 0, gap }
}

function unknown(caller: Caller, name: string): Problem {
  return new Problem(404, 'no_consumer', `the token "${caller.name}" has no consumer "${name}" of this stream`, {
    hint: 'GET /api/v1/consumers/NAME/events makes one; one that nobody used for 30 days is forgotten',
  })
}

function tooMany(parts: AppParts, name: ConsumerName): Problem {
  const each = parts.consumers.room(name) === 'each'
  const message = each
    ? `the token "${name.token}" has ${MAX_CONSUMERS_EACH} consumers already`
    : `there are ${MAX_CONSUMERS} consumers already`
  return new Problem(409, 'too_many_consumers', message, {
    hint: 'DELETE /api/v1/consumers/NAME forgets one that nobody needs; one that nobody used for 30 days is forgotten by itself',
  })
}
