import {
  isSameWish,
  markOf,
  markOfRun,
  type SealedSecrets,
  type Secrets,
  type Selection,
  type Variables,
  type Vault,
} from '../day2/index.ts'
import { Fault } from '../errors.ts'
import type { AskedKeys } from './asked-keys.ts'
import type { AppParts } from './parts.ts'
import { Problem } from './problem.ts'

/** The same key is the same wish when all of this is the same. */
export interface Said {
  readonly verb: string
  readonly hosts: readonly string[]
  readonly selection?: Selection
  readonly variables: Variables
  readonly secrets: Secrets
  readonly check: boolean
}

/** What is known of the wishes of before. */
interface Known extends Pick<AppParts, 'ledger'> {
  readonly vault: Vault
  readonly asked: AskedKeys
}

/** The run that an idempotency key has, once it is on record, and whether it is that of this very wish. */
interface Before {
  readonly run: Promise<string>
  readonly isSame: boolean
}

/** What was asked for by the idempotency key that gives this id; undefined when nothing was, or there is no key. */
export function runOfKey({ ledger, vault, asked }: Known, id: string, wish: Said): Before | undefined {
  const run = ledger.ofWish(id)
  const first = run === undefined ? asked.of(id) : { mark: markOfRun(run, id), run: Promise.resolve(run.id) }
  if (first === undefined) return undefined
  const { secrets, ...later } = wish
  const areSecrets = (sealed: SealedSecrets): boolean => withKeys(() => vault.areSame(id, sealed, secrets))
  return { run: first.run, isSame: isSameWish(first.mark, markOf(later), areSecrets) }
}

/** The id of that run. The same key is the same wish: another one must not be answered with a run that does something else, so a Problem is thrown. */
export async function theSame({ run, isSame }: Before): Promise<string> {
  const id = await run
  if (isSame) return id
  throw new Problem(409, 'key_used', `this idempotency key was used for run ${id}, which is another one`, {
    hint: 'use a key of its own for each wish',
    more: { run: id },
  })
}

/** What comes of it; a key that is not there, or can not be read, is a Problem. */
export function withKeys<T>(use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Problem(409, 'no_sealing_key', error.message, { hint: `nothing was started; ${error.hint}` })
  }
}
