import type { Described } from './catalogue.ts'
import type { Shape } from './description.ts'
import { responsesOf, sharedProblems } from './openapi-answers.ts'
import { SHAPES } from './shapes.ts'

/** Where the document is served. */
export const OPENAPI_PATH = '/api/v1/openapi.json'

/**
 * The document of the API, OpenAPI 3.1, of what the routes say of themselves: the schemas that requests are held against, and the
 * answers. The same routes make the same document. Pure.
 */
export function openapiOf(routes: readonly Described[], version: string): Shape {
  const paths: Record<string, Record<string, Shape>> = {}
  for (const route of [...routes].sort((a, b) => (a.url + a.method < b.url + b.method ? -1 : 1))) {
    const path = route.url.replaceAll(/:([a-z_]+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'virtbridge',
      version,
      description:
        'The virtual machines of a fleet of KubeVirt clusters: as an Ansible inventory, as events, and what was done to them. Every GET takes HEAD as well. What is not known in a query is refused.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: SHAPES,
      responses: sharedProblems(),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token of http.tokens. What it may is said with each operation',
        },
      },
    },
  }
}

function operationOf({ method, url, schema, description }: Described): Shape {
  const { id, summary, right, answers, problems = {} } = description
  const params = parametersOf(
    'path',
    schema.params,
    [...url.matchAll(/:([a-z_]+)/g)].map(match => match[1] ?? ''),
  )
  return {
    operationId: id,
    summary,
    ...(right === null
      ? { security: [] }
      : { description: `Needs the right \`${right}\`.`, security: [{ token: [] }] }),
    parameters: [...params, ...parametersOf('query', schema.querystring), ...parametersOf('header', schema.headers)],
    ...(method === 'POST' && schema.body !== undefined
      ? { requestBody: { required: true, content: { 'application/json': { schema: schema.body } } } }
      : {}),
    responses: responsesOf(answers, problems, { token: right !== null, body: method !== 'GET' }),
  }
}

function parametersOf(
  where: 'path' | 'query' | 'header',
  schema: unknown,
  named: readonly string[] = [],
): readonly Shape[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, { description?: string }>
    required?: readonly string[]
  }
  const names = [...new Set([...named, ...Object.keys(properties)])]
  return names.map(name => {
    const { description, ...rest } = properties[name] ?? { type: 'string' }
    return {
      name,
      in: where,
      required: where === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }
  })
}
