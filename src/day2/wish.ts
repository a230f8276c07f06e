import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { RunCommand } from './command.ts'
import { askedOf, type Run, type Selection, type Verb } from './run.ts'
import { spent } from './sealed.ts'
import type { SealedSecrets } from './secrets.ts'
import { type Variables, variablesDigest } from './variables.ts'

/** What tells one wish from another: small, and no secret can be read from it. */
export interface WishMark {
  readonly verb: Verb
  /** A digest of their names, in any order. */
  readonly hosts: string
  /** Absent where the hosts were said by their names. */
  readonly selection: Selection | undefined
  /** A digest; empty when there are none. */
  readonly variables: string
  readonly check: boolean
  /** The marks alone: they can not be opened. */
  readonly secrets: SealedSecrets
}

type Said = Pick<RunCommand, 'verb' | 'hosts' | 'secrets' | 'selection'> & {
  readonly variables?: Variables
  readonly check?: boolean
}

/** What a command asks for, or a request that will be one. Pure. */
export function markOf({ verb, hosts, selection, variables, check = false, secrets = {} }: Said): WishMark {
  const marks = Object.entries(secrets).map(([name, one]) => [name, spent(one)] as const)
  return {
    verb,
    hosts: hostsDigest(hosts),
    selection,
    variables: variablesDigest(variables),
    check,
    secrets: Object.fromEntries(marks),
  }
}

/** What a run was asked for, however far it is by now. `wish`: by that one of those that share it; left out: as a whole. Pure. */
export function markOfRun(run: Run, wish = ''): WishMark {
  const { verb, selection, check = false, secrets = {}, variables_digest: variables = '' } = run
  const hosts = askedOf(run).map(({ host }) => host)
  return { verb, hosts: run.shared?.[wish] ?? hostsDigest(hosts), selection, variables, check, secrets }
}

/**
 * Whether a later wish is the first one once more. `areSecrets` says whether the secrets that the first one had are those of the later
 * one: only who has a key can tell. Pure.
 */
export function isSameWish(
  first: WishMark,
  later: Omit<WishMark, 'secrets'>,
  areSecrets: (sealed: SealedSecrets) => boolean,
): boolean {
  // Whom a view or a label means may have changed since: what was said is the same.
  const forSame =
    later.selection === undefined ? first.hosts === later.hosts : isDeepStrictEqual(first.selection, later.selection)
  const isSame = first.verb === later.verb && first.variables === later.variables && first.check === later.check
  return forSame && isSame && areSecrets(first.secrets)
}

/** A digest of names of hosts, in any order. Pure. */
export function hostsDigest(hosts: readonly string[]): string {
  const names = [...new Set(hosts)].sort()
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url')
}
