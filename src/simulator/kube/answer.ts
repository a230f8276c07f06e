import type { IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from '../../errors.ts'
import type { Identity } from './access.ts'
import { allows } from './access.ts'
import type { Draft, Ref } from './object.ts'
import type { Resource } from './resource.ts'
import type { Status } from './status.ts'
import { StatusError, badRequest } from './status.ts'

const MAX_BODY_BYTES = 3 * 1024 * 1024

/** What a deletion answers when the object is gone at once. */
export function deletion(resource: Resource, name: string, uid: string): Status | Record<string, unknown> {
  const details = { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural, uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** The object of a request's body, put where the URL says. @throws StatusError 400 */
export function draftOf(body: unknown, resource: Resource, ref: Ref): Draft {
  const draft = body as Partial<Draft>
  if (typeof draft.metadata !== 'object' || draft.metadata === null) throw badRequest('metadata: Required value')
  if (draft.kind !== undefined && draft.kind !== resource.kind) {
    throw badRequest(`${draft.kind} in the body does not match the kind of the URL (${resource.kind})`)
  }
  const { name, namespace } = draft.metadata
  if (namespace !== undefined && ref.namespace !== '' && namespace !== ref.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (ref.name !== '' && name !== undefined && name !== ref.name) {
    throw badRequest('the name of the object does not match the name on the URL')
  }
  const placed = {
    ...(ref.name === '' ? {} : { name: ref.name }),
    ...(resource.namespaced ? { namespace: ref.namespace } : {}),
  }
  return { ...draft, metadata: { ...draft.metadata, ...placed } }
}

/** A SelfSubjectAccessReview as it is sent. */
export interface Review {
  spec?: { resourceAttributes?: { verb?: string; group?: string; resource?: string; subresource?: string } }
}

/** The answer to a SelfSubjectAccessReview. */
export function review(identity: Identity, body: Review): unknown {
  const asked = body.spec?.resourceAttributes ?? {}
  const { verb = '*', group = '', resource: plural = '*', subresource = '' } = asked
  const allowed = allows(identity, { verb, group, plural, subresource })
  return {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: body.spec ?? {},
    status: { allowed, reason: allowed ? 'allowed by the simulated role' : '' },
  }
}

/** The JSON object of a request's body; `{}` when there is none. @throws StatusError 400, 413 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new StatusError(413, 'RequestEntityTooLarge', `limit is ${MAX_BODY_BYTES}`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  if (text.trim() === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body
  } catch {
    // Answered below, like every other body that is no object.
  }
  throw badRequest('the body of the request is not a JSON object')
}

/** Answers with JSON. */
export function send(response: ServerResponse, code: number, body: unknown): void {
  const text = JSON.stringify(body)
  response
    .writeHead(code, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-cache, private',
    })
    .end(text)
}

/** Answers with a Status and its code. */
export function sendStatus(response: ServerResponse, body: Status): void {
  send(response, body.code, body)
}

/** What the real server answers for a group or resource that it does not serve: plain text, no Status. */
export function pageNotFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n')
}

/** The Status that tells of anything thrown. */
export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.body
  if (error instanceof URIError || (error as NodeJS.ErrnoException).code === 'ERR_INVALID_URL')
    return badRequest('the request could not be read').body
  return new StatusError(500, 'InternalError', `Internal error occurred: ${messageOf(error)}`).body
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** The reason that goes with an HTTP status; empty for one that has none. */
export function reasonOf(code: number): string {
  return REASONS[code] ?? ''
}
