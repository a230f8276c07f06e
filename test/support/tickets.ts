import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** What somebody posted. */
export interface Message {
  readonly authorization: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A system of tickets: where plays tell people of trouble. */
export interface Tickets extends AsyncDisposable {
  readonly url: string
  /** Oldest first. */
  readonly messages: readonly Message[]
  /** The status of each answer from now on. */
  answer: number
}

/** Takes whatever is posted, and answers 201 until told otherwise. */
export async function startTickets(): Promise<Tickets> {
  const messages: Message[] = []
  const server = createServer((request, response) => {
    const { authorization = '' } = request.headers
    void json(request).then(body => {
      messages.push({ authorization, body: body as Message['body'] })
      response.writeHead(tickets.answer).end('{}')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const tickets: Tickets = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tickets`,
    messages,
    answer: 201,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return tickets
}
