import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What an answer is; no body with a null. */
interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Record<string, unknown>
}

/** A server of records on the loopback, with what was asked of it: `POST /path`. */
export interface RecordServer extends AsyncDisposable {
  readonly url: string
  readonly asked: string[]
}

/** A row of a table: beside `id` and `custom_fields` whatever the table takes. */
export type Row = Record<string, unknown> & { id: number; custom_fields: Record<string, unknown> }

const FIELD = 'virtbridge_vm_uid'
/** The tables that are played, and the fields that each takes. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  '/api/ipam/ip-addresses/': ['address', 'status', 'dns_name', 'description', 'custom_fields'],
  '/api/virtualization/virtual-machines/': ['name', 'cluster', 'status', 'description', 'custom_fields'],
}

/** A NetBox by what its documentation says of its REST API, written by hand: one page of results, statuses as value and label, refusals by field. */
export interface NetBox extends RecordServer {
  /** The rows of a table (`ip-addresses`, `virtual-machines`) as they are now. */
  rows(table: string): readonly Row[]
  /** From now on the table has these rows and no others, whatever was there before. */
  fill(table: string, rows: readonly Row[]): void
}

/** Plays NetBox with the prefix 10.1.2.0/30 (two addresses) and the cluster `prod-1`; `token` is the only one it knows. */
export async function startNetBox(token: string): Promise<NetBox> {
  const tables = new Map<string, Row[]>(Object.keys(TABLES).map(path => [path, []]))
  let next = 100
  const insert = (path: string, body: Record<string, unknown>): Answer => {
    const unknown = Object.keys(body).find(field => !(TABLES[path] ?? []).includes(field))
    const fields = (body['custom_fields'] ?? {}) as Record<string, unknown>
    const wrong = Object.keys(fields).find(field => field !== FIELD && field !== 'owner')
    if (unknown !== undefined || wrong !== undefined)
      return {
        status: 400,
        body: { custom_fields: [`Unknown field name '${unknown ?? wrong}' in custom field data.`] },
      }
    const row: Row = { id: ++next, ...body, custom_fields: { [FIELD]: null, owner: null, ...fields } }
    tables.get(path)?.push(row)
    return { status: 201, body: shown(row) }
  }
  const server = await serve(`Token ${token}`, asked => {
    if (asked.path === '/api/ipam/prefixes/')
      return page(asked.query.get('prefix') === '10.1.2.0/30' ? [{ id: 7 }] : [])
    if (asked.path === '/api/virtualization/clusters/')
      return page(asked.query.get('name') === 'prod-1' ? [{ id: 3 }] : [])
    if (asked.path === '/api/ipam/prefixes/7/available-ips/') {
      const taken = (tables.get('/api/ipam/ip-addresses/') ?? []).map(({ address }) => address)
      const free = ['10.1.2.1/30', '10.1.2.2/30'].find(address => !taken.includes(address))
      if (free === undefined)
        return {
          status: 409,
          body: { detail: 'An insufficient number of IP addresses are available within the prefix' },
        }
      return insert('/api/ipam/ip-addresses/', { ...asked.body, address: free })
    }
    const [, path = '', id] = /^(\/api\/.*?\/)(?:(\d+)\/)?$/.exec(asked.path) ?? []
    const rows = tables.get(path)
    if (rows === undefined) return { status: 404, body: { detail: 'Not found.' } }
    if (asked.method === 'POST') return insert(path, asked.body)
    if (id === undefined) return page(rows.filter(row => fits(row, asked.query)).map(shown))
    return one(rows, Number(id), asked)
  })
  const tableOf = (name: string): Row[] => [...tables].find(([path]) => path.includes(name))?.[1] ?? []
  return {
    ...server,
    rows: tableOf,
    fill: (table, rows) => void tableOf(table).splice(0, Number.POSITIVE_INFINITY, ...rows),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function one(rows: Row[], id: number, { method, body }: Asked): Answer {
  const index = rows.findIndex(row => row.id === id)
  const row = rows[index]
  if (row === undefined) return { status: 404, body: { detail: 'Not found.' } }
  if (method === 'DELETE') {
    rows.splice(index, 1)
    return { status: 204 }
  }
  const fields = { ...row.custom_fields, ...(body['custom_fields'] as object | undefined) }
  rows[index] = { ...row, ...body, custom_fields: fields }
  return { status: 200, body: shown(rows[index]) }
}

/** A filter by a custom field that does not exist is passed over, as NetBox does. */
function fits(row: Row, query: URLSearchParams): boolean {
  const uid = query.get(`cf_${FIELD}`)
  const address = query.get('address')
  const name = query.get('name')
  if (uid !== null && row.custom_fields[FIELD] !== uid) return false
  if (address !== null && String(row['address']).split('/')[0] !== address) return false
  return name === null || row['name'] === name
}

function shown(row: Row): unknown {
  return { ...row, url: `/api/${row.id}/`, status: { value: row['status'], label: String(row['status']) } }
}

function page(results: readonly unknown[]): Answer {
  return { status: 200, body: { count: results.length, next: null, previous: null, results } }
}

/** Keeps a JSON document at each path, with an ETag, and heeds `If-Match` and `If-None-Match`. */
export async function startDocuments(
  authorization: string,
): Promise<RecordServer & { readonly documents: Map<string, Record<string, unknown>> }> {
  const documents = new Map<string, Record<string, unknown>>()
  const server = await serve(authorization, ({ method, path, headers, body }) => {
    const there = documents.get(path)
    const etag = there === undefined ? undefined : `"${JSON.stringify(there).length}"`
    if (method === 'GET')
      return there === undefined || etag === undefined
        ? { status: 404, body: {} }
        : { status: 200, body: { ...there, last_seen: 'today' }, headers: { etag } }
    if (headers['if-match'] !== undefined && headers['if-match'] !== etag) return { status: 412, body: {} }
    if (headers['if-none-match'] === '*' && there !== undefined) return { status: 412, body: {} }
    if (method === 'DELETE') documents.delete(path)
    else documents.set(path, body)
    return method === 'DELETE' ? { status: 204 } : { status: there === undefined ? 201 : 200, body }
  })
  return { ...server, documents, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** Plays Foreman, as far as one host is taken out of it: a host by its name, and whose it is. `authorization` is the only one it knows. */
export async function startForeman(authorization: string, owners: Map<string, string>): Promise<RecordServer> {
  return serve(authorization, ({ method, path }) => {
    const name = path.split('/')[3] ?? ''
    const named = owners.get(name)
    if (method === 'GET' && named === undefined) return { status: 404, body: { error: { message: 'not found' } } }
    if (method === 'DELETE') owners.clear()
    return { status: 200, body: { id: 9, name, parameters: [{ name: 'virtbridge_uid', value: named ?? '' }] } }
  })
}

async function serve(authorization: string, answer: (asked: Asked) => Answer): Promise<RecordServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const text = Buffer.concat(chunks).toString('utf8')
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
      const { method = 'GET', headers } = request
      asked.push(`${method} ${url.pathname}`)
      const known = headers.authorization === authorization
      const asking = { method, path: url.pathname, query: url.searchParams, headers, body }
      const said = known ? answer(asking) : { status: 401, body: { detail: 'Invalid token' } }
      response.writeHead(said.status, {
        'content-type': 'application/json',
        ...('headers' in said ? said.headers : {}),
      })
      response.end(said.body === undefined ? undefined : JSON.stringify(said.body))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
