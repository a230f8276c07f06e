import type { Right } from './auth.ts'

/** A JSON Schema, of draft 2020-12 as OpenAPI 3.1 takes it. */
export type Shape = Readonly<Record<string, unknown>>

/** One answer of a route. */
export interface Answer {
  readonly description: string
  /** By media type; none when there is no body. */
  readonly content?: Readonly<Record<string, Shape>>
  /** Headers by name, with what they say. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What the document of the API says of a route, beside the schemas that its requests are held against. */
export interface Description {
  /** The name of the operation, for who generates clients. */
  readonly id: string
  readonly summary: string
  /** What the token must be allowed; null: anybody may ask. */
  readonly right: Right | null
  /** Answers that are no problems, by status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Codes of the problems that are its own: what any route may answer comes of itself. */
  readonly problems?: Readonly<Record<number, readonly string[]>>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    api?: Description
  }
}

/** A schema of an object without further keys. */
export function closed(properties: Shape, required: readonly string[] = Object.keys(properties)): Shape {
  return { type: 'object', additionalProperties: false, required, properties }
}

/** A schema of what a query may hold: nothing else is taken. */
export function query(properties: Shape = {}): Shape {
  return closed(properties, [])
}

/** A text that is not empty, of at most so many characters. */
export function text(maxLength: number, description = ''): Shape {
  return { type: 'string', minLength: 1, maxLength, ...(description === '' ? {} : { description }) }
}

/** A list of things of one shape. */
export function listOf(items: Shape): Shape {
  return { type: 'array', items }
}

/** An answer of JSON. */
export function json(description: string, shape: Shape, headers: Readonly<Record<string, string>> = {}): Answer {
  return { description, content: { 'application/json': shape }, headers }
}
