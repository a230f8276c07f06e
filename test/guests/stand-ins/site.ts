import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'

/**
 * Plays what a site has beside its guests, over HTTP on 127.0.0.1: the KV engine (version 2) of HashiCorp Vault below `/v1/secret/data/`, and a
 * monitoring that keeps a document for each host below `/api/hosts/`. Arguments: port, folder; the token that it wants is
 * in `token` of the folder.
 *
 * What it keeps is in `kept.json` of the folder.
 */
const [, , port = '', folder = ''] = process.argv
const token = readFileSync(join(folder, 'token'), 'utf8')
const secrets = new Map<string, unknown[]>()
const hosts = new Map<string, unknown>()

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text: string) => (body += text))
  request.on('end', () => {
    const [status, answer] = answerTo(request, body)
    const kept = { secrets: Object.fromEntries(secrets), hosts: Object.fromEntries(hosts) }
    writeFileSync(join(folder, 'kept.json'), JSON.stringify(kept))
    tell(response, status, answer)
  })
})
server.listen(Number(port), '127.0.0.1')

function answerTo({ method = '', url = '', headers }: IncomingMessage, body: string): [number, unknown?] {
  const given = headers['x-vault-token'] ?? headers.authorization?.replace('Bearer ', '')
  if (given !== token) return [403, { errors: ['permission denied'] }]
  if (url.startsWith('/v1/secret/data/')) return vault(method, url.slice('/v1/secret/data/'.length), body)
  if (url.startsWith('/api/hosts/')) return monitoring(method, url.slice('/api/hosts/'.length), body)
  return [404, { errors: [] }]
}

/** As Vault answers: a wrong version of `cas` is a 400, nothing there a 404 without errors. */
function vault(method: string, path: string, body: string): [number, unknown?] {
  const versions = secrets.get(path) ?? []
  if (method === 'GET') {
    const metadata = { version: versions.length, destroyed: false, deletion_time: '' }
    return versions.length === 0 ? [404, { errors: [] }] : [200, { data: { data: versions.at(-1), metadata } }]
  }
  if (method !== 'POST') return [405, { errors: ['unsupported operation'] }]
  const { data, options } = JSON.parse(body) as { data: unknown; options?: { cas?: number } }
  if (options?.cas !== undefined && options.cas !== versions.length)
    return [400, { errors: ['check-and-set parameter did not match the current version'] }]
  secrets.set(path, [...versions, data])
  return [200, { data: { version: versions.length + 1 } }]
}

function monitoring(method: string, host: string, body: string): [number, unknown?] {
  const known = hosts.get(host)
  if (method === 'PUT') {
    hosts.set(host, { ...(JSON.parse(body) as object), since: '2026-01-01T00:00:00Z' })
    return [known === undefined ? 201 : 200, hosts.get(host)]
  }
  if (known === undefined) return [404, { detail: 'not found' }]
  if (method === 'DELETE') hosts.delete(host)
  return method === 'DELETE' ? [204] : [200, known]
}

function tell(response: ServerResponse, status: number, answer: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(answer === undefined ? '' : JSON.stringify(answer))
}
