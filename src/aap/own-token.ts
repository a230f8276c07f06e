import { messageOf } from '../errors.ts'
import { oneLine } from './complaint.ts'
import { ControllerError } from './error.ts'

/** Tokens that are taken out of what comes back: the present one, and some that answers under way may still quote. */
const REMEMBERED_TOKENS = 4

/** Our token at a controller, which may be changed while it is used. */
export class OwnToken {
  readonly #read: () => string
  readonly #seen = new Set<string>()
  #present: string | undefined

  constructor(read: () => string) {
    this.#read = read
  }

  /** It and those that were used lately: what no text may repeat. */
  get seen(): Iterable<string> {
    return this.#seen
  }

  /** The token that counts. Throws `ControllerError` (unauthorized) when there is none that could be sent. */
  present(): string {
    const token = (this.#present ??= readToken(this.#read))
    this.#seen.delete(token)
    this.#seen.add(token)
    for (const oldest of this.#seen) if (this.#seen.size > REMEMBERED_TOKENS) this.#seen.delete(oldest)
    return token
  }

  /** The controller took it for none: it is read again for the next request. */
  refused(): void {
    this.#present = undefined
  }
}

function readToken(read: () => string): string {
  let token: string
  try {
    token = read().trim()
  } catch (error) {
    throw new ControllerError('unauthorized', `the controller's token can not be read: ${oneLine(messageOf(error))}`)
  }
  if (token === '') throw new ControllerError('unauthorized', 'the controller’s token is empty')
  // A line break or a wide character would be refused by the HTTP layer in words that quote the header.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new ControllerError('unauthorized', 'the controller’s token has characters that no token has')
  return token
}
