import type { FastifyInstance } from 'fastify'
import type { Catalogue } from '../catalogue.ts'
import { type Description, query } from '../description.ts'
import { OPENAPI_PATH, openapiOf } from '../openapi.ts'
import type { AppParts } from '../parts.ts'

const API: Description = {
  id: 'readDocument',
  summary: 'This document',
  right: null,
  answers: {
    200: {
      description: 'OpenAPI 3.1',
      content: { 'application/openapi+json': { type: 'object', required: ['openapi'] } },
    },
  },
}

/** The document of the API, made of the routes once: open to everybody, as it says nothing of the fleet. */
export function documentRoutes(app: FastifyInstance, parts: AppParts, catalogue: Catalogue): void {
  let document: string | null = null
  app.get(OPENAPI_PATH, { schema: { querystring: query() }, config: { api: API } }, (_request, reply) => {
    document ??= JSON.stringify(openapiOf(catalogue.routes, parts.version))
    return reply.type('application/openapi+json; charset=utf-8').send(document)
  })
}
