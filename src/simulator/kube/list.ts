import type { KubeObject } from './object.ts'
import { keyOf, refOf } from './object.ts'
import type { KubeRequest } from './request.ts'
import type { Resource } from './resource.ts'
import { apiVersionOf } from './resource.ts'
import type { Selector } from './selector.ts'
import { fieldSelector, labelSelector } from './selector.ts'
import { StatusError, badRequest, expired, invalid } from './status.ts'
import type { Store } from './store.ts'

/** Where the next page begins. Revision -1 means: as it is now, consistent or not. */
interface Continue {
  v: 'meta.k8s.io/v1'
  rv: number
  start: string
}

/** The body of a list. */
export interface KubeList {
  kind: string
  apiVersion: string
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number }
  items: readonly KubeObject[]
}

/** Which objects a request means, by namespace, labels and fields. @throws StatusError 400 */
export function selectorOf(request: KubeRequest): Selector {
  const labels = labelSelector(request.query.get('labelSelector') ?? '')
  const fields = fieldSelector(request.query.get('fieldSelector') ?? '')
  const { namespace } = request
  return object => (namespace === '' || object.metadata.namespace === namespace) && labels(object) && fields(object)
}

/** A resourceVersion of a request; 0 when it is empty. @throws StatusError 400 */
export function revisionOf(text: string): number {
  if (!/^\d*$/.test(text)) throw badRequest(`Invalid value: "${text}": resourceVersion must be a number`)
  return Number(text === '' ? '0' : text)
}

/**
 * One list, or one page of it. All pages show the revision of the first.
 *
 * @throws StatusError 400, 410 (page token or exact revision too old), 422 (options that do not go together), 504 (from the future)
 */
export function listPage(store: Store, resource: Resource, request: KubeRequest): KubeList {
  const { query } = request
  const limit = Math.max(0, Number(query.get('limit') ?? '0'))
  const { revision, start } = position(store, resource, query, limit)
  const selector = selectorOf(request)
  const matching = at(store, resource, revision, start).filter(
    object => (start === '' || keyOf(refOf(object)) >= start) && selector(object),
  )
  const items = limit > 0 ? matching.slice(0, limit) : matching
  const last = items.at(-1)
  const remaining = matching.length - items.length
  const selected = query.has('labelSelector') || query.has('fieldSelector')
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(revision),
      ...(remaining > 0 && last !== undefined
        ? {
            continue: token(revision, `${keyOf(refOf(last))}\0`),
            ...(selected ? {} : { remainingItemCount: remaining }),
          }
        : {}),
    },
    items,
  }
}

function at(store: Store, resource: Resource, revision: number, start: string): readonly KubeObject[] {
  try {
    return store.listAt(resource, revision)
  } catch (error) {
    if (start === '' || !(error instanceof StatusError)) throw error
    // The real server offers to go on with the rest as it is now, which is not one consistent list any more.
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      { continue: token(-1, start) },
    )
  }
}

/**
 * continue | match        | resourceVersion | what is shown
 * set      | -            | must be absent  | the revision of the first page
 * -        | Exact        | n > 0           | exactly n
 * -        | NotOlderThan | n               | now, if n has been reached
 * -        | -            | n, with limit   | exactly n (an old promise of the API)
 * -        | -            | n, '' or 0      | now
 */
function position(
  store: Store,
  resource: Resource,
  query: URLSearchParams,
  limit: number,
): { revision: number; start: string } {
  const asked = revisionOf(query.get('resourceVersion') ?? '')
  const match = query.get('resourceVersionMatch') ?? ''
  const fault = (why: string) => invalid('ListOptions.meta.k8s.io', '', why)
  const next = query.get('continue') ?? ''
  if (next !== '') {
    if (match !== '') throw fault('resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for continue')
    if (asked !== 0) throw badRequest('specifying resource version is not allowed when using continue')
    const { rv, start } = readToken(next)
    return { revision: rv === -1 ? store.revision : rv, start }
  }
  if (match !== '' && !query.get('resourceVersion')) {
    throw fault('resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (!['', 'Exact', 'NotOlderThan'].includes(match)) {
    throw fault(`resourceVersionMatch: Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`)
  }
  if (match === 'Exact' && asked === 0) {
    throw fault('resourceVersionMatch: Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
  }
  if (asked > store.revision) throw tooLarge(asked, store.revision)
  const exact = match === 'Exact' || (match === '' && limit > 0 && asked > 0)
  if (exact && asked < store.floor(resource)) {
    throw expired(`The resourceVersion for the provided list is too old.`)
  }
  return { revision: exact ? asked : store.revision, start: '' }
}

function tooLarge(asked: number, current: number): StatusError {
  return new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  })
}

function token(rv: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start } satisfies Continue)).toString('base64url')
}

function readToken(text: string): Continue {
  try {
    const read = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<Continue>
    if (read.v === 'meta.k8s.io/v1' && Number.isInteger(read.rv) && typeof read.start === 'string')
      return read as Continue
  } catch {
    // Answered below, like every other token that is not ours.
  }
  throw badRequest('continue key is not valid')
}
