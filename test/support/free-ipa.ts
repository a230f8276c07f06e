import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A host of a FreeIPA: when it was enrolled, as its API tells times; empty: it has no key. */
export interface IpaHost {
  enrolled: string
}

/** A FreeIPA on the loopback, with what was asked of it: `host_del web-1.example.com {…}`. */
export interface FreeIpa extends AsyncDisposable {
  readonly url: string
  readonly hosts: Map<string, IpaHost>
  readonly asked: string[]
  /** How many sessions nobody has ended. */
  readonly open: () => number
  /** Called before each method, to let something happen meanwhile. */
  meanwhile: (method: string) => void
}

const MAGIC = 'MagBearerToken=of%2bthe%3dsession'

/**
 * Plays FreeIPA by its documentation, as far as hosts are taken out of it: a session of the one account, which may look, delete and disable.
 * Without the `Referer` of itself it refuses everything, as it does against forged requests.
 */
export async function startFreeIpa(principal: string, password: string): Promise<FreeIpa> {
  const hosts = new Map<string, IpaHost>()
  const asked: string[] = []
  let open = 0
  const ipa: Pick<FreeIpa, 'meanwhile'> = { meanwhile: () => undefined }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const self = `http://${request.headers.host ?? ''}/ipa`
      if (request.headers.referer !== self) return response.writeHead(400).end()
      if (request.url === '/ipa/session/login_password') {
        asked.push('login')
        const form = new URLSearchParams(text)
        if (form.get('user') !== principal || form.get('password') !== password)
          return response.writeHead(401, { 'X-IPA-Rejection-Reason': 'invalid-password' }).end()
        open++
        return response
          .writeHead(200, { 'set-cookie': `ipa_session=${MAGIC};path=/ipa;httponly;`, 'content-type': 'text/plain' })
          .end()
      }
      if (!speaksJson(request)) return response.writeHead(401).end()
      const { method, params } = JSON.parse(text) as Call
      ipa.meanwhile(method)
      asked.push([method, ...params[0], JSON.stringify(params[1])].join(' '))
      if (method === 'session_logout') open--
      const told = JSON.stringify({ id: 0, principal, version: '4.12.2', ...answer(hosts, { method, params }) })
      return response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(told)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(ipa, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hosts,
    asked,
    open: () => open,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  })
}

interface Call {
  readonly method: string
  readonly params: readonly [readonly string[], Record<string, unknown>]
}

function speaksJson({ url, headers }: IncomingMessage): boolean {
  return (
    url === '/ipa/session/json' &&
    headers['content-type'] === 'application/json' &&
    (headers.cookie ?? '').split('; ').includes(`ipa_session=${MAGIC}`)
  )
}

function answer(hosts: Map<string, IpaHost>, { method, params }: Call): object {
  const [name = ''] = params[0]
  const host = hosts.get(name)
  if (method === 'session_logout') return { result: { result: null }, error: null }
  if (host === undefined) return fault(4001, 'NotFound', `${name}: host not found`)
  if (name.startsWith('kept'))
    if (method !== 'host_show') return fault(2100, 'ACIError', 'Insufficient access: not allowed to delete this entry')
  if (method === 'host_show')
    return {
      result: {
        result: {
          fqdn: [name],
          has_keytab: host.enrolled !== '',
          ...(host.enrolled === '' ? {} : { krblastpwdchange: [{ __datetime__: host.enrolled }] }),
        },
        value: name,
        summary: null,
      },
      error: null,
    }
  if (method === 'host_disable' && host.enrolled === '')
    return fault(4010, 'AlreadyInactive', 'This entry is already disabled')
  if (method === 'host_disable') host.enrolled = ''
  else if (method === 'host_del') hosts.delete(name)
  else return fault(905, 'CommandError', `unknown command '${method}'`)
  return { result: { result: true, value: name, summary: '' }, error: null }
}

function fault(code: number, name: string, message: string): object {
  return { result: null, error: { code, name, message, data: {} } }
}
