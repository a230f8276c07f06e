import { Fault } from '../errors.ts'
import { isSame, keyOf, seal, type Sealed, type SealingKey, spent, unseal } from './sealed.ts'
import type { SealedSecrets, Secrets } from './secrets.ts'

/** How a site makes a key. */
export const MAKE_A_KEY = '(umask 077; head -c 32 /dev/urandom | base64 > sealing.key)'

const NO_KEY = 'no sealing key is configured, so a secret could not pass the log unread'
const HOW = `make one by ${MAKE_A_KEY}, and name its file in secrets.sealing_keys of every process that serves or dispatches`

/** What a site seals secrets with. The first key seals, all of them open. Neither a key nor a secret is in any message. */
export class Vault {
  readonly #read: () => readonly SealingKey[]

  /** `read`: the keys as they are now; throws a Fault that says why they can not be read. */
  constructor(read: () => readonly SealingKey[] = () => []) {
    this.#read = read
  }

  /** Seals secrets for one run. Throws a Fault `sealing_key` when there is no key, or it can not be read. */
  seal(run: string, secrets: Secrets): SealedSecrets {
    const [first] = this.#read()
    if (first === undefined) throw new Fault('sealing_key', NO_KEY, { hint: HOW })
    return Object.fromEntries(Object.entries(secrets).map(([name, text]) => [name, seal(first, { run, name }, text)]))
  }

  /** Why none of the keys of now sealed these, in one sentence; empty when they did. Opens nothing. */
  whyShut(sealed: SealedSecrets): string {
    // Most runs have none: to read the keys for each would make all of them depend on the keys.
    if (Object.keys(sealed).length === 0) return ''
    try {
      const keys = this.#read()
      for (const [name, one] of Object.entries(sealed)) {
        if (!keys.some(({ id }) => id === keyOf(one))) return shut(name, keyOf(one), keys)
      }
      return ''
    } catch (error) {
      if (error instanceof Fault) return `${error.message}; ${error.hint}`
      throw error
    }
  }

  /** Opens the secrets of one run. Throws a Fault `sealing_key` when that can not be done. */
  open(run: string, sealed: SealedSecrets): Secrets {
    const keys = this.#read()
    const opened = Object.entries(sealed).map(([name, one]) => {
      const result = unseal(keys, { run, name }, one)
      if (result.kind === 'open') return [name, result.text] as const
      throw new Fault(
        'sealing_key',
        result.kind === 'unknown_key' ? shut(name, keyOf(one), keys) : WHY[result.kind](name),
      )
    })
    return Object.fromEntries(opened)
  }

  /** Whether these are the very secrets that were sealed for the run, also when they were dropped since; false too when no key can tell. */
  areSame(run: string, sealed: SealedSecrets, secrets: Secrets): boolean {
    const names = Object.keys(secrets)
    if (names.length !== Object.keys(sealed).length) return false
    const keys = names.length === 0 ? [] : this.#read()
    return names.every(name => {
      const one = Object.hasOwn(sealed, name) ? sealed[name] : undefined
      return one !== undefined && isSame(keys, { run, name }, one, secrets[name] ?? '') === true
    })
  }

  /** Whether what was sealed twice for one run is the very same, of the first also when it was dropped since; false too when no key can tell. */
  areSealedSame(run: string, first: SealedSecrets, later: SealedSecrets): boolean {
    const names = Object.keys(later)
    if (names.length !== Object.keys(first).length) return false
    // Of one key the marks tell, and nothing needs to be opened.
    if (names.every(name => Object.hasOwn(first, name) && isMark(first[name], later[name]))) return true
    try {
      return this.areSame(run, first, this.open(run, later))
    } catch (error) {
      if (error instanceof Fault) return false
      throw error
    }
  }
}

function isMark(first: Sealed | undefined, later: Sealed | undefined): boolean {
  return first !== undefined && later !== undefined && spent(first).sealed === spent(later).sealed
}

const WHY = {
  spent: (name: string): string => `the secret ${name} was dropped after its launch`,
  broken: (name: string): string => `the secret ${name} is not as it was sealed for this run: somebody changed the log`,
}

function shut(name: string, key: string, keys: readonly SealingKey[]): string {
  const there = keys.length === 0 ? 'none is configured here' : `there are ${keys.map(({ id }) => id).join(', ')}`
  const lost = `the secret ${name} was sealed with the key ${key || '?'}, which is not there (${there})`
  return `${lost}; add that key to secrets.sealing_keys, or ask for the run anew`
}
