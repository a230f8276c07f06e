import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An object as it was made, with what was attached to it by `related` name. */
export interface Made {
  readonly id: number
  readonly [field: string]: unknown
}

/**
 * Takes whatever objects are made at it, and gives them back: enough of a controller's API for the modules of awx.awx, which look an object
 * up by its fields, make or change it, and attach others to it. Checks nothing, and shows secrets too. `made('job_templates')` has what is there.
 */
export interface AnyController extends AsyncDisposable {
  readonly url: string
  made(kind: string): readonly Made[]
  /** The ids of what was attached to one of them by a relation. */
  attachedTo(kind: string, id: number, relation: string): readonly number[]
  /** Paths that were written to, in order. */
  readonly writes: string[]
}

const ORGANIZATION = { id: 1, name: 'Default' }
const ROLES = ['execute', 'read', 'update', 'member', 'use', 'admin']

export async function startAnyController(): Promise<AnyController> {
  const kinds = new Map<string, Map<number, Record<string, unknown>>>([['organizations', new Map([[1, ORGANIZATION]])]])
  const attached = new Map<string, Set<number>>()
  const writes: string[] = []
  let ids = 1
  for (const name of ['Machine', 'Source Control']) make('credential_types', { name })

  function make(kind: string, fields: object): Record<string, unknown> {
    const rows = kinds.get(kind) ?? kinds.set(kind, new Map()).get(kind) ?? new Map<number, Record<string, unknown>>()
    const row = { id: ++ids, ...fields }
    rows.set(row.id, row)
    return row
  }

  function show(kind: string, row: Record<string, unknown>): object {
    const url = `/api/v2/${kind}/${String(row['id'])}/`
    const names = ['survey_spec', 'credentials', 'labels', 'always_nodes', 'roles', 'launch', 'update', 'object_roles']
    const notifications = ['started', 'success', 'error'].map(when => `notification_templates_${when}`)
    const related = Object.fromEntries([...names, ...notifications].map(name => [name, `${url}${name}/`]))
    const roles = Object.fromEntries(
      ROLES.map((role, index) => [`${role}_role`, { id: Number(row['id']) * 100 + index, name: role }]),
    )
    const synced = kind === 'projects' ? { status: 'successful', scm_revision: 'abc' } : {}
    return { type: kind.replace(/s$/, ''), url, related, summary_fields: { object_roles: roles }, ...synced, ...row }
  }

  function list(asking: string, query: URLSearchParams): object {
    const unified = asking === 'unified_job_templates' ? ['job_templates', 'workflow_job_templates'] : [asking]
    const asked = [...query].filter(([name]) => !/page|order_by|__/.test(name))
    const found = unified.flatMap(kind =>
      [...(kinds.get(kind)?.values() ?? [])]
        .filter(row =>
          asked.every(
            ([name, value]) => row[name] === undefined || [row[name], JSON.stringify(row[name])].includes(value),
          ),
        )
        .map(row => show(kind, row)),
    )
    return { count: found.length, next: null, previous: null, results: found }
  }

  /** What is attached to an object by a name; a survey is part of it. */
  function attach(method: string, path: string, body: Record<string, unknown>): [number, unknown] {
    const [, , , kind = '', id = '', relation = ''] = path.split('/')
    const row = kinds.get(kind)?.get(Number(id)) ?? {}
    if (relation === 'survey_spec') {
      if (method === 'GET') return [200, row['survey_spec'] ?? {}]
      row['survey_spec'] = body
      return [200, undefined]
    }
    const kept = attached.get(path) ?? new Set<number>()
    attached.set(path, kept)
    if (method === 'GET') return [200, { count: kept.size, next: null, results: [...kept].map(each => ({ id: each })) }]
    kept.add(Number(body['id']))
    return [204, undefined]
  }

  function answer(method: string, url: URL, body: Record<string, unknown>): [number, unknown] {
    const [, , , kind = '', id = '', relation = ''] = url.pathname.split('/')
    if (url.pathname === '/api/') return [200, { current_version: '/api/v2/', available_versions: { v2: '/api/v2/' } }]
    if (kind === 'ping' || kind === 'config') return [200, { version: '24.6.1', license_info: {} }]
    if (method !== 'GET') writes.push(`${method} ${url.pathname}`)
    if (relation !== '') return attach(method, url.pathname, body)
    if (id === '') return method === 'GET' ? [200, list(kind, url.searchParams)] : [201, show(kind, make(kind, body))]
    const row = kinds.get(kind)?.get(Number(id))
    if (row === undefined) return [404, { detail: 'Not found.' }]
    if (method === 'PATCH') Object.assign(row, body)
    return [200, show(kind, row)]
  }

  const server = createServer((request, response) => {
    void bodyOf(request).then(body => {
      const [status, shown] = answer(request.method ?? 'GET', new URL(request.url ?? '/', 'http://any'), body)
      const headers = {
        'content-type': 'application/json',
        'x-api-product-name': 'AWX',
        'x-api-product-version': '24.6.1',
      }
      response.writeHead(status, headers).end(shown === undefined ? '' : JSON.stringify(shown))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    made: kind => [...(kinds.get(kind)?.values() ?? [])] as unknown as readonly Made[],
    attachedTo: (kind, id, relation) => [...(attached.get(`/api/v2/${kind}/${id}/${relation}/`) ?? [])],
    writes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}
