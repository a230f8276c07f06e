import type { KubeRequest } from './request.ts'

/** What goes wrong with a request. */
export type Trouble =
  /** Answered with this HTTP status and a Status body. */
  | { kind: 'status'; code: number; retryAfterSeconds?: number }
  /** The connection is cut before any answer. */
  | { kind: 'drop' }
  /** Accepted and never answered. */
  | { kind: 'hang' }
  /** Answered as ever, but only then. */
  | { kind: 'wait'; until: () => Promise<void> }
  /** As if the CRD were not installed. */
  | { kind: 'absent' }
  /** As if the role did not allow it. */
  | { kind: 'forbidden' }

/** Which requests a fault meets. `request` is null for paths that are no resource, such as `/version`. */
export type Match = (request: KubeRequest | null) => boolean

/** Every request. */
export const anyRequest: Match = () => true

/** Requests for this plural. */
export function onPlural(plural: string): Match {
  return request => request?.plural === plural
}

/** Requests for all there is: a list or one of its pages, or a watch that begins with one. */
export const isList: Match = request =>
  request?.verb === 'list' || (request?.verb === 'watch' && request.query.get('sendInitialEvents') === 'true')

/** Watches that go on from somewhere. */
export const isWatch: Match = request => request?.verb === 'watch' && !isList(request)

/** Requests for the second or a later page of a list. */
export const laterPages: Match = request => request?.verb === 'list' && (request.query.get('continue') ?? '') !== ''

interface Fault {
  trouble: Trouble
  match: Match
  left: number
}

/** The faults that tests have planted in one server. The first one that matches is used. */
export class Faults {
  readonly #planted: Fault[] = []

  /** Plants a fault for the next `times` matching requests, or for all until the returned function is called. */
  plant(trouble: Trouble, match: Match = anyRequest, times = Number.POSITIVE_INFINITY): () => void {
    const fault: Fault = { trouble, match, left: times }
    this.#planted.push(fault)
    return () => this.#remove(fault)
  }

  clear(): void {
    this.#planted.length = 0
  }

  /** The fault that meets this request, if any; it is used up by one. */
  meet(request: KubeRequest | null): Trouble | null {
    const fault = this.#planted.find(candidate => candidate.match(request))
    if (fault === undefined) return null
    fault.left -= 1
    if (fault.left <= 0) this.#remove(fault)
    return fault.trouble
  }

  #remove(fault: Fault): void {
    const index = this.#planted.indexOf(fault)
    if (index >= 0) this.#planted.splice(index, 1)
  }
}
