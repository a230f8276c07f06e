import { createServer, type IncomingMessage, request as askPlainly, type Server, type ServerResponse } from 'node:http'
import { request as askOverTls } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { isList, isWatch, type Match } from '../../src/simulator/kube/faults.ts'
import { parseRequest } from '../../src/simulator/kube/request.ts'

/** What goes wrong with an answer. */
export type Trouble =
  | { readonly kind: 'status'; readonly code: number; readonly headers?: Record<string, string> }
  /** Never answered. */
  | { readonly kind: 'hang' }
  /** The next line of the body is cut in its middle, and the connection with it. */
  | { readonly kind: 'cut' }
  /** Bytes of the next line that hold this text are no UTF-8 any more. */
  | { readonly kind: 'garble'; readonly text: string }

interface Plan {
  readonly trouble: Trouble
  readonly match: Match
  left: number
}

/** Stands in front of an API server, speaks plain HTTP/1.1 to the bridge and TLS to the server, and does some answers badly. */
export class KubeProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #plans: Plan[] = []
  #target: { readonly url: string; readonly ca: string }
  /** Streaming lists are refused, as by an older server. */
  oldLists = false
  /** Watches that went on from somewhere, and that the API server ended in the ordinary way. */
  ended = 0

  private constructor(server: Server, target: { url: string; ca: string }) {
    this.#server = server
    this.#target = target
  }

  static async before(target: { url: string; ca: string }): Promise<KubeProxy> {
    const server = createServer()
    const proxy = new KubeProxy(server, target)
    server.on('request', (request, response) => proxy.#carry(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Does so to the next `times` requests that match. */
  plan(trouble: Trouble, match: Match, times = Number.POSITIVE_INFINITY): void {
    this.#plans.push({ trouble, match, left: times })
  }

  calm(): void {
    this.#plans.length = 0
  }

  /** Another API server is behind this address from now on; without a CA it is asked over plain HTTP. */
  retarget(url: string, ca: string): void {
    this.#target = { url, ca }
    this.cut()
  }

  /** Cuts every connection. */
  cut(): void {
    this.#server.closeAllConnections()
  }

  #carry(request: IncomingMessage, response: ServerResponse): void {
    const asked = parseRequest(request.method ?? 'GET', new URL(request.url ?? '/', 'http://proxy'))
    const trouble = this.#meet(asked)
    if (trouble?.kind === 'hang') return
    if (trouble?.kind === 'status') {
      response.writeHead(trouble.code, trouble.headers).end()
      return
    }
    if (this.oldLists && asked?.verb === 'watch' && isList(asked)) {
      response.writeHead(422).end()
      return
    }
    const { host: _host, connection: _connection, ...headers } = request.headers
    const ask = this.#target.ca === '' ? askPlainly : askOverTls
    const to = ask(
      `${this.#target.url}${request.url ?? ''}`,
      { method: request.method, headers, ca: this.#target.ca },
      answer => {
        response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' })
        response.flushHeaders()
        answer.on('error', () => response.destroy())
        if (isWatch(asked)) answer.on('end', () => (this.ended += 1))
        if (trouble === null) answer.pipe(response)
        else answer.on('data', (chunk: Buffer) => this.#spoil(chunk, trouble, response)).on('end', () => response.end())
      },
    )
    to.on('error', () => response.destroy())
    response.on('close', () => to.destroy())
    request.pipe(to)
  }

  #spoil(chunk: Buffer, trouble: Trouble, response: ServerResponse): void {
    if (trouble.kind === 'cut') response.write(chunk.subarray(0, chunk.length / 2), () => response.destroy())
    else if (trouble.kind === 'garble') {
      const at = chunk.indexOf(trouble.text)
      if (at >= 0) chunk.fill(0xff, at, at + trouble.text.length)
      response.write(chunk)
    }
  }

  #meet(asked: Parameters<Match>[0]): Trouble | null {
    const plan = this.#plans.find(({ match }) => match(asked))
    if (plan === undefined) return null
    plan.left -= 1
    if (plan.left <= 0) this.#plans.splice(this.#plans.indexOf(plan), 1)
    return plan.trouble
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }
}
