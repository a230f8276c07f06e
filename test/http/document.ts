import { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { streamOf } from '../../src/http/chunks.ts'

interface Content {
  readonly schema: object
}

interface Response {
  readonly $ref?: string
  readonly headers?: Readonly<Record<string, object>>
  readonly content?: Readonly<Record<string, Content>>
}

interface Operation {
  readonly operationId: string
  readonly security: readonly object[]
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<Record<string, Response>>
}

/** The document of the API, as far as tests look at it. */
export interface ApiDocument {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly responses: Readonly<Record<string, Response>>
  }
}

/** The document that an app serves. */
export async function documentOf(app: FastifyInstance): Promise<ApiDocument> {
  return (await app.inject('/api/v1/openapi.json')).json<ApiDocument>()
}

/** Every operation of a document: `GET /api/v1/vms/:host` with what it says. */
export function operationsOf({ paths }: ApiDocument): readonly (Operation & { method: string; url: string })[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    })),
  )
}

/** Headers that say something of an answer, and so stand in the document. */
const TELLING = ['etag', 'retry-after', 'www-authenticate', 'location', 'allow', 'vary']

/**
 * Holds every answer of an app against its own document. Gives what did not fit, a sentence each; look at it when the test ends.
 * Streams are held by their status and type alone.
 */
export function watchAnswers(app: FastifyInstance): readonly string[] {
  const unfit: string[] = []
  let checker: Promise<Checker> | null = null
  app.addHook('onSend', async (request, reply, payload) => {
    // The document itself is asked for with `inject`, whose answer comes here too.
    if (request.url === '/api/v1/openapi.json') return payload
    checker ??= documentOf(app).then(document => new Checker(document))
    const known = await checker
    if (!(payload instanceof Readable) || known.fits(request, reply) || isHuge(reply)) {
      unfit.push(...known.unfit(request, reply, payload))
      return payload
    }
    // What is sent in pieces is looked at as a whole, and sent in pieces again.
    const chunks = await piecesOf(payload)
    unfit.push(...known.unfit(request, reply, Buffer.concat(chunks)))
    return streamOf(chunks)
  })
  return unfit
}

function contentOf({ method, routeOptions }: FastifyRequest, reply: FastifyReply): string {
  return `${method} ${routeOptions.url} ${reply.statusCode} ${String(reply.getHeader('etag') ?? '')}`
}

class Checker {
  readonly #document: ApiDocument
  /** Contents that fit, by their entity tag: the same are not looked at twice. */
  readonly #fitting = new Set<string>()
  readonly #ajv = new Ajv2020({ strict: false, validateSchema: false })

  constructor(document: ApiDocument) {
    this.#document = document
    addFormats.default(this.#ajv)
    this.#ajv.addSchema(document, 'api')
  }

  /** True for a content that was looked at before. */
  fits(request: FastifyRequest, reply: FastifyReply): boolean {
    return this.#fitting.has(contentOf(request, reply))
  }

  unfit(request: FastifyRequest, reply: FastifyReply, payload: unknown): readonly string[] {
    const { url } = request.routeOptions
    const what = `${request.method} ${url ?? request.url} ${reply.statusCode}`
    const said = (why: string): readonly string[] => [`${what}: ${why}`]
    const type = String(reply.getHeader('content-type') ?? '').split(';')[0] ?? ''
    const text = this.fits(request, reply) ? null : textOf(reply, payload)
    if (reply.hasHeader('etag')) this.#fitting.add(contentOf(request, reply))
    if (url === undefined) return this.#check(what, 'api#/components/schemas/Problem', text)
    const path = url.replaceAll(/:(\w+)/g, '{$1}')
    const method = request.method === 'HEAD' ? 'get' : request.method.toLowerCase()
    const { paths, components } = this.#document
    const found = paths[path]?.[method]?.responses[reply.statusCode]
    const shared = found?.$ref?.split('/').at(-1)
    const answer = shared === undefined ? found : components.responses[shared]
    const wrong = wrongWith(answer, { reply, type, text })
    if (wrong !== '') return said(wrong)
    if (text === null || text === '' || !/[/+]json$/.test(type)) return []
    const where =
      shared === undefined
        ? ['paths', path, method, 'responses', String(reply.statusCode)]
        : ['components', 'responses', shared]
    const pointer = [...where, 'content', type, 'schema']
    return this.#check(what, `api#/${pointer.map(escaped).join('/')}`, text)
  }

  #check(what: string, ref: string, text: string | null): readonly string[] {
    if (text === null) return []
    const validate = this.#ajv.getSchema(ref) ?? this.#ajv.compile({ $ref: ref })
    if (validate(JSON.parse(text))) return []
    return [`${what}: ${this.#ajv.errorsText(validate.errors)}: ${text.slice(0, 300)}`]
  }
}

/** What does not fit of an answer but for its content; empty when all does. */
function wrongWith(
  answer: Response | undefined,
  { reply, type, text }: { reply: FastifyReply; type: string; text: string | null },
): string {
  if (answer === undefined) return 'the document has no such answer'
  const headers = TELLING.filter(name => reply.hasHeader(name) && answer.headers?.[name] === undefined)
  if (headers.length > 0) return `the document has no ${headers.join(', ')}`
  if (answer.content === undefined) return text === '' || text === null ? '' : 'the document has no body'
  return answer.content[type] === undefined ? `the document has no ${type}` : ''
}

/** Too much to be looked at each time: what it is made of is in smaller ones too. */
function isHuge(reply: FastifyReply): boolean {
  return Number(reply.getHeader('content-length') ?? 0) > 2_000_000
}

async function piecesOf(stream: Readable): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = []
  const into = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  stream.pipe(into)
  await finished(into)
  return chunks
}

function textOf(reply: FastifyReply, payload: unknown): string | null {
  if (payload === null || payload === undefined) return ''
  if (typeof payload === 'string') return payload
  if (!Buffer.isBuffer(payload)) return null
  // Of a HEAD the coding is told, and nothing is sent.
  if (payload.length === 0) return ''
  const encoding = reply.getHeader('content-encoding')
  if (encoding === 'gzip') return gunzipSync(payload).toString()
  return (encoding === 'zstd' ? zstdDecompressSync(payload) : payload).toString()
}

function escaped(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))
}
