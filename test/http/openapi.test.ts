import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { publishedSchemas } from '../../build/schemas.ts'
import { TITLES } from '../../src/http/problem.ts'
import { bearer, type Desk, openDesk, TOKENS } from './desk.ts'
import { type ApiDocument, documentOf, operationsOf } from './document.ts'

const ROOT = join(import.meta.dirname, '..', '..')
let desk: Desk
let document: ApiDocument
beforeAll(async () => {
  desk = await openDesk()
  document = await documentOf(desk.app)
})
afterAll(() => desk[Symbol.asyncDispose]())

describe('the document of the API', () => {
  test('is one of OpenAPI 3.1, by the schema of the OpenAPI Initiative', () => {
    const schema = JSON.parse(readFileSync(join(ROOT, 'test/fixtures/openapi/openapi-3.1.json'), 'utf8')) as object
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const validate = ajv.compile(schema)
    expect(ajv.errorsText(validate(document) ? [] : validate.errors)).toBe('No errors')
    expect(validate({ ...document, paths: { 'no-slash': {} } })).toBe(false)
  })

  test('has schemas that are valid ones of JSON Schema 2020-12, and references that lead somewhere', () => {
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    ajv.addSchema({ $id: 'api', ...document }, 'api', false, false)
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].map(match => match[1] ?? '')
    expect(refs.length).toBeGreaterThan(20)
    for (const ref of new Set(refs)) expect(ajv.compile({ $ref: `api#${ref}` })({})).toBeTypeOf('boolean')
    for (const schema of Object.values(document.components.schemas)) expect(ajv.validateSchema(schema)).toBe(true)
  })

  test('has every route of the app, and the app every operation of the document', () => {
    const operations = operationsOf(document).map(({ method, url }) => `${method} ${url}`)
    const printed = routesOf(desk.app.printRoutes({ commonPrefix: false }))
    expect(operations.toSorted()).toEqual(printed.toSorted())
    expect(operations.length).toBeGreaterThan(15)
  })

  test('names each operation once, and each parameter of its path', () => {
    const operations = operationsOf(document)
    expect(new Set(operations.map(operation => operation.operationId)).size).toBe(operations.length)
    for (const { url, parameters } of operations)
      expect(parameters.filter(one => one.in === 'path').map(one => one.name)).toEqual(
        [...url.matchAll(/:(\w+)/g)].map(match => match[1]),
      )
  })

  test('says of each operation who may ask: a stranger is refused where it says so, and nowhere else', async () => {
    for (const { method, url, security } of operationsOf(document)) {
      const { statusCode } = await desk.app.inject({ method: method as 'GET', url: url.replaceAll(/:\w+/g, 'x') })
      expect([method, url, statusCode === 401]).toEqual([method, url, security.length > 0])
    }
  })

  test('is open to a stranger, says the same to everybody, and names no host, cluster or token', async () => {
    await using full = await openDesk()
    full.cluster('prod-1')
    const [open, known] = [
      await full.get('/api/v1/openapi.json', {}),
      await full.get('/api/v1/openapi.json', bearer(TOKENS.admin)),
    ]
    expect(open.headers['content-type']).toBe('application/openapi+json; charset=utf-8')
    expect(known.body).toBe(open.body)
    expect(open.body).not.toContain('prod-1')
  })

  test('is published under schemas/ as it is served: node build/schemas.ts makes it', async () => {
    const published = (await publishedSchemas(ROOT)).get(join(ROOT, 'schemas', 'openapi-v1.json')) ?? ''
    expect(readFileSync(join(ROOT, 'schemas', 'openapi-v1.json'), 'utf8')).toBe(published)
    const { paths, components } = JSON.parse(published) as ApiDocument
    expect({ paths, components }).toEqual({ paths: document.paths, components: document.components })
  })
})

test('every problem in the code has a title, and the document names it', () => {
  const source = globSync('src/http/**/*.ts', { cwd: ROOT })
    .map(file => readFileSync(join(ROOT, file), 'utf8'))
    .join('')
  const codes = [...source.matchAll(/new Problem\(\s*\d{3},\s*'([a-z_]+)'/g)].map(match => match[1] ?? '')
  expect(codes.length).toBeGreaterThan(15)
  const told = JSON.stringify(document)
  // What is answered where no operation is.
  const elsewhere = ['not_found', 'wrong_method']
  for (const code of [...codes, ...Object.keys(TITLES)]) {
    const isTold = elsewhere.includes(code) || told.includes(`"${code}"`)
    expect([code, TITLES[code] !== undefined, isTold]).toEqual([code, true, true])
  }
})

/** Every route that the app has, as Fastify prints them: each line is a path with its methods. */
function routesOf(printed: string): readonly string[] {
  const found: string[] = []
  const path: string[] = []
  for (const line of printed.split('\n')) {
    const [, indent = '', part = '', methods = ''] = /^([│├└─ ]*)(\S*)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? []
    path.splice(indent.length / 4 - 1, path.length, part)
    for (const method of methods.split(', '))
      if (method !== '' && method !== 'HEAD') found.push(`${method} ${path.join('')}`)
  }
  return found
}
