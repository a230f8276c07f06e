import { hash } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Tls } from './connection.ts'

/** Contexts that are in use somewhere, by the digest of what they are made of. */
const contexts = new Map<string, WeakRef<SecureContext>>()
const ended = new FinalizationRegistry<string>(digest => {
  if (contexts.get(digest)?.deref() === undefined) contexts.delete(digest)
})

/**
 * Whom to trust and what to show, ready for connections; the same for the same certificates. Made anew for each cluster it is a tenth of
 * what an idle one takes, and clusters behind one hub are reached with one authority. Undefined when they can not be read: who connects
 * with them is told why.
 */
export function secureContextOf({ ca, cert, key }: Tls): SecureContext | undefined {
  const digest = hash('sha256', JSON.stringify([ca, cert, key]))
  const known = contexts.get(digest)?.deref()
  if (known !== undefined) return known
  try {
    const given = Object.entries({ ca, cert, key }).filter(([, pem]) => pem !== undefined)
    const context = createSecureContext(Object.fromEntries(given))
    contexts.set(digest, new WeakRef(context))
    ended.register(context, digest)
    return context
  } catch {
    return undefined
  }
}
