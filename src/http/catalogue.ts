import type { FastifySchema, RouteOptions } from 'fastify'
import type { Description } from './description.ts'

/** A route with what the document of the API says of it. */
export interface Described {
  readonly method: string
  /** As Fastify has it: `/api/v1/vms/:host`. */
  readonly url: string
  readonly schema: FastifySchema
  readonly description: Description
}

/** All routes of the server: to name the allowed methods in a 405, and to make the document of the API. */
export class Catalogue {
  readonly #routes: Described[] = []
  readonly #patterns = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()

  /** The hook `onRoute`: takes in a route. Throws for a route without a description, so that nothing is served which the document does not have. */
  add({ method, url, schema = {}, config }: Pick<RouteOptions, 'method' | 'url' | 'schema' | 'config'>): void {
    for (const one of [method].flat()) {
      const known = this.#patterns.get(url) ?? { pattern: patternOf(url), methods: new Set() }
      known.methods.add(one)
      this.#patterns.set(url, known)
      if (one === 'HEAD') continue
      if (config?.api === undefined) throw new TypeError(`${one} ${url} has no description`)
      this.#routes.push({ method: one, url, schema, description: config.api })
    }
  }

  get routes(): readonly Described[] {
    return this.#routes
  }

  /** The methods that a path takes, sorted; empty when there is no such path. */
  methodsAt(path: string): readonly string[] {
    const found = [...this.#patterns.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort()
  }
}

function patternOf(url: string): RegExp {
  const parts = url
    .split('/')
    .map(part => (part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')))
  return new RegExp(`^${parts.join('/')}$`)
}
