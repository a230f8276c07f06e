import type { Store } from './store.ts'
import type { Token, User } from './records.ts'

/** What became known to someone who watches: see feed.ts. */
export type Tell = (entry: { kind: string; text: string; [detail: string]: unknown }) => void

/** One request, understood: who, what, and on which data. */
export type Call = {
  store: Store
  /** Milliseconds since the epoch. */
  now: number
  user: User
  token: Token
  method: string
  /** `/api/v2/` or `/api/controller/v2/`: every URL in an answer starts with it. */
  base: string
  /** The path as it was asked, without the query. */
  path: string
  params: { [name: string]: string }
  query: URLSearchParams
  body: { [field: string]: unknown }
  tell: Tell
}

/** `body` undefined is an empty answer; a `string` is sent as it is under the content type of `headers`. */
export type Reply = { status: number; body?: unknown; headers?: { [name: string]: string } }

export type Answer = (call: Call) => Reply

export type Route = {
  /** Below the base, with `:name` for one segment: `jobs/:id/cancel/`. */
  path: string
  /** The product's `Allow` header. It lists more than the simulator answers; the rest is 405. */
  allow: string
  get?: Answer
  post?: Answer
  /** Answered without a token. */
  open?: boolean
}

/** Ends a request with an answer that is not a success. */
export class Refusal extends Error {
  readonly reply: Reply
  /** Turned down before anybody looked who asks (a body that can not be read, a name of nothing): it does not say which version answers. */
  readonly early: boolean

  constructor(status: number, body: unknown, early = false) {
    super(`refused with ${status}`)
    this.early = early
    this.name = 'Refusal'
    this.reply = { status, body }
  }
}

export const FORBIDDEN = 'You do not have permission to perform this action.'

export function forbidden(): Refusal {
  return new Refusal(403, { detail: FORBIDDEN })
}

export function notAllowed(method: string): Refusal {
  return new Refusal(405, { detail: `Method "${method}" not allowed.` })
}

/** The product's words for an id that is not there; `model` is its class: Job, JobTemplate, Host. */
export function noMatch(model: string, early = false): Refusal {
  return new Refusal(404, { detail: `No ${model} matches the given query.` }, early)
}

/** The row that the path's `:id` names, or 404. */
export function byId<Row>(call: Call, table: { get(id: number): Row | undefined }, model: string): Row {
  const row = /^\d+$/.test(call.params['id'] ?? '') ? table.get(Number(call.params['id'])) : undefined
  if (row === undefined) throw noMatch(model)
  return row
}

export function ok(body: unknown): Reply {
  return { status: 200, body }
}

/** `POST` that made something: 201 with its URL in `Location`. */
export function created(url: string, body: unknown): Reply {
  return { status: 201, body, headers: { Location: url } }
}

/** ISO time with microseconds, as the product writes it; null stays null. */
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString().replace('Z', '000Z')
}

/** `related` of an object: its own URL followed by each name. */
export function relatedOf(url: string, names: readonly string[]): { [name: string]: string } {
  return Object.fromEntries(names.map(name => [name, `${url}${name}/`]))
}
