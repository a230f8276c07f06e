import type { Resource } from './resource.ts'
import { resourceName } from './resource.ts'

/** The body of every failed Kubernetes request. */
export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: Record<string, unknown>
  status: 'Failure' | 'Success'
  message?: string
  reason?: string
  details?: Record<string, unknown>
  code: number
}

/** A refusal that is answered with its Status body. */
export class StatusError extends Error {
  readonly body: Status

  constructor(
    code: number,
    reason: string,
    message: string,
    extra: Partial<Pick<Status, 'details' | 'metadata'>> = {},
  ) {
    super(message)
    this.name = 'StatusError'
    this.body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: extra.metadata ?? {},
      status: 'Failure',
      message,
      reason,
      ...(extra.details === undefined ? {} : { details: extra.details }),
      code,
    }
  }
}

function detailsOf(resource: Resource, name: string): { details: Record<string, unknown> } {
  return { details: { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural } }
}

/** 404: the object is not there. */
export function notFound(resource: Resource, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${resourceName(resource)} "${name}" not found`, detailsOf(resource, name))
}

/** 409: the name is taken. */
export function alreadyExists(resource: Resource, name: string): StatusError {
  const message = `${resourceName(resource)} "${name}" already exists`
  return new StatusError(409, 'AlreadyExists', message, detailsOf(resource, name))
}

/** 409: somebody wrote in between, or the uid asked for is another object's. */
export function conflict(resource: Resource, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${resourceName(resource)} "${name}": ${why}`
  return new StatusError(409, 'Conflict', message, detailsOf(resource, name))
}

/** 422: a field may not be what it is. */
export function invalid(kind: string, name: string, why: string): StatusError {
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${why}`, { details: { name, kind } })
}

/** 400: not understood at all. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

/** 410: history that is no longer kept. */
export function expired(message: string, metadata: Record<string, unknown> = {}): StatusError {
  return new StatusError(410, 'Expired', message, { metadata })
}
