import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

/** What is used of a connection of kafkajs 2.2.4. */
export interface Line {
  readonly clientId: string
  readonly sasl: object | null
  readonly socket: Pick<Socket, 'write'>
  readonly requestQueue: {
    readonly requestTimeout: number
    /** What waits for its answer, by the number of its request. */
    readonly inflight: Map<number, Waiting>
    canSendSocketRequestImmediately(): boolean
    emit(event: 'requestQueueEmpty'): unknown
    fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void
  }
  isConnected(): boolean
  isAuthenticated(): boolean
  nextCorrelationId(): number
}

/** What kafkajs knows of a request that was sent: it tells it the answer, that the connection ended, or that its time is over. */
interface Waiting {
  readonly correlationId: number
  readonly sentAt: number
  readonly requestTimeout: number
  completed(answer: { readonly payload: Buffer }): void
  rejected(error: Error): void
  timeoutRequest(): void
}

/** Which request it is, as every request says first (https://kafka.apache.org/protocol#protocol_messages). */
export interface Api {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
}

const HEADER = 14

/** Whether a request may go out now: connected, let in, and nothing has to wait for its turn. */
export function isOpen(line: Line | undefined): line is Line {
  if (line === undefined || !line.isConnected() || (line.sasl !== null && !line.isAuthenticated())) return false
  return line.requestQueue.canSendSocketRequestImmediately()
}

/**
 * Sends a request on a line that is open and gives the answer as it came, in the order of the calls. It stands with those that kafkajs
 * waits for, so that kafkajs gives it its answer, and rejects it when the connection ends or its time is over.
 *
 * A hundred times a second kafkajs' own way, with an encoder for each length and an object and events for each request, is a tenth
 * of what a change costs.
 */
export function ask(line: Line, api: Api, body: Buffer): Promise<Buffer> {
  const { inflight, requestTimeout } = line.requestQueue
  const correlationId = line.nextCorrelationId()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  inflight.set(correlationId, {
    correlationId,
    sentAt: Date.now(),
    requestTimeout,
    completed: ({ payload }) => resolve(payload),
    rejected: reject,
    timeoutRequest() {
      inflight.delete(correlationId)
      // Who ends the connection waits for this.
      if (inflight.size === 0) line.requestQueue.emit('requestQueueEmpty')
      reject(new Error(`${api.apiName} was not answered within ${requestTimeout / 1000} s`))
    },
  })
  line.socket.write(requestOf(api, correlationId, line.clientId, body))
  return promise
}

/** The bytes of a request: its length, header and body. */
export function requestOf({ apiKey, apiVersion }: Api, correlationId: number, clientId: string, body: Buffer): Buffer {
  const named = Buffer.byteLength(clientId)
  const request = Buffer.allocUnsafe(HEADER + named + body.length)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(apiKey, 4)
  request.writeInt16BE(apiVersion, 6)
  request.writeInt32BE(correlationId, 8)
  request.writeInt16BE(named, 12)
  request.write(clientId, HEADER)
  body.copy(request, HEADER + named)
  return request
}

interface Reading {
  readonly bytesBuffered: number
  readonly authHandlers: object | null
  readonly requestQueue: Line['requestQueue']
  processData(bytes: Buffer): void
}

const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/connection') as {
  readonly prototype: Reading
}
let read = false

/**
 * An answer that comes whole and alone, as nearly all do, is handed on as it is. kafkajs joins it with what is left of the one before,
 * which is nothing: a copy, and four buffers.
 */
export function readWhole(): void {
  if (read) return
  read = true
  const anything = Reflect.get(prototype, 'processData')
  prototype.processData = function (this: Reading, bytes: Buffer): void {
    const alone = this.bytesBuffered === 0 && bytes.length >= 8 && bytes.readInt32BE(0) === bytes.length - 4
    if (!alone || this.authHandlers !== null) return anything.call(this, bytes)
    const [size, correlationId] = [bytes.length - 4, bytes.readInt32BE(4)]
    this.requestQueue.fulfillRequest({ size, correlationId, payload: bytes.subarray(8) })
  }
}
