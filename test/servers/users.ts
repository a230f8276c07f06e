import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Who bears a token. */
export interface User {
  readonly token: string
  readonly name: string
  readonly groups?: readonly string[]
}

/** The people an API server knows, which may change while it runs: it asks `webhookUrl` for each token (TokenReview). */
export interface Users extends AsyncDisposable {
  readonly webhookUrl: string
  add(user: User): void
  /** From now on the token is answered with 401, as an expired or revoked one is. */
  remove(token: string): void
}

/** Answers TokenReviews from a table on a free loopback port. A static token file would need a restart for every new user. */
export async function startUsers(): Promise<Users> {
  const known = new Map<string, User>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { spec: { token: string } }
      const user = known.get(review.spec.token)
      const status =
        user === undefined
          ? { authenticated: false }
          : { authenticated: true, user: { username: user.name, uid: user.name, groups: user.groups ?? [] } }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return {
    webhookUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    add: user => void known.set(user.token, user),
    remove: token => void known.delete(token),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
