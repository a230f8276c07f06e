import type { Broker } from './driver.ts'
import { typeOf } from './errors.ts'

/** Kafka's refusals for want of a right, and what they are about. */
const ABOUT = new Map([
  ['TOPIC_AUTHORIZATION_FAILED', 'topics'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'transactional id'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'cluster'],
])

/** The operation (as ACLs call it) whose right each request takes. */
const NEEDS = {
  initProducerId: 'Write',
  findGroupCoordinator: 'Write',
  listOffsets: 'Read',
  describeConfigs: 'DescribeConfigs',
  createTopics: 'Create',
} as const

/** A request that the brokers refused for want of a right, and which one. Kafka's own error, its cause, does not say that. */
export class MissingRight extends Error {
  constructor(user: string, operation: string, cause: Error) {
    const about = ABOUT.get(refusalIn(cause)) ?? ''
    super(`${user} has not the right ${operation} on the ${about}`, { cause })
    this.name = 'MissingRight'
  }
}

/** The error, or what right was missing when that is what it means. */
export function named(error: unknown, operation: string, user: string): unknown {
  return error instanceof Error && refusalIn(error) !== '' ? new MissingRight(user, operation, error) : error
}

/** Whether this refusal was for want of a right on that. */
export function lacks(error: unknown, about: 'topics' | 'transactional id'): boolean {
  return ABOUT.get(refusalIn(error)) === about
}

/** kafkajs throws what went wrong with several topics as one error that holds theirs. */
function refusalIn(error: unknown): string {
  const inner = error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : []
  for (const one of [error, ...(inner as unknown[])]) if (ABOUT.has(typeOf(one))) return typeOf(one)
  return ''
}

const taught = new WeakSet<Broker>()

/** Makes the requests of a broker say which right was missing when one was. */
export function teach<T extends Broker>(broker: T, user: string): T {
  if (taught.has(broker)) return broker
  taught.add(broker)
  for (const [request, operation] of Object.entries(NEEDS)) {
    const send: unknown = Reflect.get(broker, request)
    if (typeof send !== 'function') continue
    const telling = async (...given: unknown[]): Promise<unknown> => {
      try {
        return await (Reflect.apply(send, broker, given) as Promise<unknown>)
      } catch (error) {
        throw named(error, operation, user)
      }
    }
    Reflect.set(broker, request, telling)
  }
  return broker
}
