import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TlsOptions } from 'node:tls'

/** A token that the inventory server accepts, and that must never be printed. */
export const token = 'vbt-keep-me-secret'

/** A place that answers `GET /api/v1/inventory` as a test wants it to, and remembers what it was asked. */
export interface InventoryServer extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  /** Answers every later request so; the first call counts from 0. */
  answer(how: (response: ServerResponse, call: number) => void): void
}

/** A certificate to serve with; `ca` and `requestCert` for who wants one from clients too. */
export type ServerTls = Pick<TlsOptions, 'key' | 'cert' | 'ca' | 'requestCert'>

/** Starts one on a free port of the loopback, at first with `document` for the right token and 401 for all others. */
export async function startInventoryServer(document: unknown, tls?: ServerTls): Promise<InventoryServer> {
  const requests: { path: string; headers: IncomingHttpHeaders }[] = []
  let how: ((response: ServerResponse, call: number) => void) | undefined
  const listener: RequestListener = (request, response) => {
    requests.push({ path: request.url ?? '', headers: request.headers })
    if (how !== undefined) how(response, requests.length - 1)
    else if (request.headers.authorization === `Bearer ${token}`) sendJson(response, 200, document)
    else sendJson(response, 401, { error: { code: 'unauthorized', message: 'no such token' } })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer(next) {
      requests.length = 0
      how = next
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Sends a value as JSON. */
export function sendJson(response: ServerResponse, status: number, value: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

/** A host as the bridge renders it, with what differs from a reachable RHEL guest of cluster prod-1. */
export function hostvars(name: string, different: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ansible_host: '10.1.2.3',
    kubevirt_cluster: 'prod-1',
    kubevirt_namespace: 'shop',
    kubevirt_name: name,
    kubevirt_uid: '0b5a5c1e-6f0e-4d5e-9a39-0f3f0a1b2c3d',
    kubevirt_firmware_uuid: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b',
    kubevirt_status: 'Running',
    kubevirt_enabled: true,
    kubevirt_stale: false,
    kubevirt_node: 'n1',
    kubevirt_instancetype: 'u1.medium',
    kubevirt_os_family: 'linux',
    kubevirt_os_id: 'rhel',
    kubevirt_os_version: '9.4',
    kubevirt_os: { family: 'linux', id: 'rhel', name: 'Red Hat Enterprise Linux', version: '9.4' },
    kubevirt_addresses: [{ address: '10.1.2.3', network: 'default', interface: 'eth0', source: 'platform' }],
    kubevirt_address_source: 'platform',
    kubevirt_agent_connected: true,
    kubevirt_reachable: true,
    kubevirt_reachable_reason: '',
    kubevirt_labels: { app: 'web' },
    day2_onboard: 'ok',
    day2_patch: '',
    ...different,
  }
}
