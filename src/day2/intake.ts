import { v5 as uuid5 } from 'uuid'
import type { FleetView } from '../fleet/index.ts'
import type { Entry, Position } from '../log/index.ts'
import { vmKey } from '../vm/index.ts'
import { allOut } from './book.ts'
import { type Caps, fitting, NO_LOAD, nodesOf } from './caps.ts'
import type { LedgerView } from './ledger.ts'
import { admit } from './admission.ts'
import { type VerbPolicy, whyNotOurs } from './verb-policy.ts'
import { finished, planned } from './record.ts'
import type { CancelCommand, RunCommand, WatchCommand } from './command.ts'
import { isSealedSecrets, sealedFault } from './secrets.ts'
import { groundsOfWish } from './grounds.ts'
import { bytesOf, MAX_VARIABLES_UNDER_WAY_BYTES, variablesFault } from './variables.ts'
import { newRun } from './new-run.ts'
import { type Run, type RunHost, VERB_PATTERN } from './run.ts'
import { hostsDigest } from './wish.ts'

/** Runs under way or waiting; what a person asks for beyond is refused. */
export const MAX_ACTIVE_RUNS = 1_000

const VERB = new RegExp(VERB_PATTERN)

/** A run's id becomes the marker of its launch. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * A value of the stream of commands: what a person asked to run, null when it is for somebody else, or, in one phrase, why it can not
 * be read: another version may have written it, and what can not be understood must not be done.
 */
export function readCommand(value: unknown): RunCommand | string | null {
  const {
    kind,
    schema,
    id,
    verb,
    hosts,
    asked_by,
    reason,
    allowed_by = '',
    variables = {},
    secrets = {},
  } = value as Record<string, unknown>
  if (kind !== 'run') return null
  if (schema !== 1 && schema !== 2 && schema !== 3) return `its schema is ${String(schema)}, 1 to 3 are known`
  if (typeof id !== 'string' || !UUID.test(id)) return 'its id is no UUID'
  if (typeof verb !== 'string' || !VERB.test(verb)) return 'its verb is no name of one'
  if (!Array.isArray(hosts) || !hosts.every(host => typeof host === 'string')) return 'its hosts are no list of names'
  if (![asked_by, reason, allowed_by].every(said => typeof said === 'string'))
    return 'it does not say who asks, and why'
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables))
    return 'its variables are no names with values'
  if (!isSealedSecrets(secrets)) return 'its secrets are no names with what is sealed'
  const command = value as RunCommand
  return isShared(command) ? command : 'its wishes are no ids with which of its hosts each is for'
}

function isShared({
  shared: value = {},
  hosts: { length: hosts },
}: {
  shared?: unknown
  hosts: readonly string[]
}): boolean {
  if (typeof value !== 'object' || value === null) return false
  const isHost = (at: unknown): boolean => Number.isInteger(at) && Number(at) >= 0 && Number(at) < hosts
  return Object.values(value).every(of => Array.isArray(of) && of.every(isHost))
}

/** What a value of the stream of commands says of the end of a run; null when it says nothing of it, or can not be read. */
export function readCancel(value: unknown): CancelCommand | null {
  const { kind, schema, run, asked_by } = value as Record<string, unknown>
  const readable = kind === 'cancel' && schema === 1 && typeof run === 'string' && typeof asked_by === 'string'
  return readable ? (value as CancelCommand) : null
}

/** What a value of the stream of commands says of who watches a run; null when it says nothing of it, or can not be read. */
export function readWatch(value: unknown): WatchCommand | null {
  const { kind, schema, run, at } = value as Record<string, unknown>
  const readable = kind === 'watch' && schema === 1 && typeof run === 'string' && typeof at === 'number'
  return readable ? (value as WatchCommand) : null
}

/** The run as its end is asked for; or, in one phrase, why there is nothing to end. The first who asked is remembered. Pure. */
export function cancelled({ run: id, asked_by }: CancelCommand, ledger: LedgerView, now: number): Run | string {
  const run = ledger.runs.get(id)
  if (run === undefined) return `there is no run ${id}`
  if (run.status === 'finished') return `run ${id} has ended`
  if (run.external !== undefined && run.unread_at === undefined)
    return `run ${id} was launched from the controller, where it can be cancelled`
  if (run.external !== undefined) return { ...run, let_go: run.let_go ?? { by: asked_by, at: now } }
  return { ...run, cancel: run.cancel ?? { by: asked_by, at: now } }
}

interface Around {
  readonly fleet: FleetView
  readonly ledger: LedgerView
  /** Undefined for a verb that this bridge does not know (any more). */
  readonly policy: VerbPolicy | undefined
  readonly caps: Pick<Caps, 'hostsPerCluster' | 'hostsPerNode'>
}

/** The run a person asked for, with the hosts that may not be launched on left out; it ends at once when none is left. Pure. */
export function runOf(command: RunCommand, around: Around, now: number): { run: Run; entries: readonly Entry[] } {
  const { fleet, ledger, policy, caps } = around
  const { again, shared } = wishesOf(command, ledger)
  const asked = command.hosts.filter(host => !again.has(host))
  const { hosts: ready, refused } = admit(asked, {
    byHost: host => fleet.byHost(host),
    clusters: fleet.clusters,
    ledger,
    ...(policy === undefined ? {} : { os: policy.os, needs: policy.needs ?? 'guest' }),
  })
  const { fit: hosts, full } = fitting(ready, NO_LOAD, caps, nodesOf(fleet))
  const { id, verb, reason, variables = {}, secrets = {}, check = false, selection } = command
  const { template, steps, organization = '' } = policy ?? { template: verb }
  const said = { variables, secrets, check, ...(selection === undefined ? {} : { selection }) }
  const by = { askedBy: command.asked_by, reason, grounds: groundsOfWish(command), ...shared }
  const wish = { id, verb, template, steps, organization, ...said, ...by, hosts }
  const run: Run = {
    ...newRun(wish, now),
    left_out: [...again, ...refused, ...crowded(full)].map(([host, reason]) => ({ ...known(host, fleet), reason })),
  }
  const nothing = whyNothing(run, policy, ledger)
  if (nothing !== '') return finished(allOut(run, nothing), new Map(), '', { ledger, now })
  if (hosts.length === 0) return finished(run, new Map(), 'no host could be launched on', { ledger, now })
  return { run, entries: planned(run, ledger, now) }
}

/**
 * The wishes of a command: hosts that only wishes asked for whose idempotency keys another run has, each with that reason, and what the
 * run keeps of the others. Who took them in could not know yet. Pure.
 */
function wishesOf(
  { id, hosts, shared }: RunCommand,
  ledger: LedgerView,
): { again: ReadonlyMap<string, string>; shared: Pick<Run, 'shared'> } {
  const wishes = Object.entries(shared ?? { [id]: hosts.keys().toArray() }).map(([wish, of]) => ({
    wish,
    hosts: of.flatMap(at => hosts[at] ?? []),
    used: ledger.ofWish(wish)?.id ?? '',
  }))
  const fresh = wishes.filter(({ used }) => used === '')
  const wanted = new Set(fresh.flatMap(wish => wish.hosts))
  const again = new Map<string, string>()
  for (const { hosts: of, used } of wishes.filter(wish => wish.used !== ''))
    for (const host of of.filter(each => !wanted.has(each)))
      again.set(host, `its idempotency key was used for run ${used}: it is not done again`)
  if (shared === undefined) return { again, shared: {} }
  return { again, shared: { shared: Object.fromEntries(fresh.map(wish => [wish.wish, hostsDigest(wish.hosts)])) } }
}

/** The namespace of the ids of wishes that were refused as their key was used. */
const USED = '2f6e1f0e-9d1b-5c0a-8a52-5f6a0f6c9d3e'

/**
 * A wish whose id another wish has, as both came with one idempotency key: a run of its own, of the command at that position, that was
 * refused. It ends at once, and nothing is launched. Pure.
 */
export function otherWish(
  command: RunCommand,
  position: Position,
  { fleet, ledger, policy }: Omit<Around, 'caps'>,
  now: number,
): { run: Run; entries: readonly Entry[] } {
  const { id: used, verb, asked_by: askedBy, reason, hosts, variables = {}, check = false } = command
  const id = uuid5(`${used} ${position}`, USED)
  const why = `its idempotency key was used for run ${used}, which is another wish: use a key of its own for each`
  const { template, steps, organization = '' } = policy ?? { template: verb }
  const by = { askedBy, reason, grounds: groundsOfWish(command) }
  const wish = { id, verb, template, steps, organization, variables, check, ...by, hosts: [] }
  const left_out = [...new Set(hosts)].map(host => ({ ...known(host, fleet), reason: why }))
  return finished({ ...newRun(wish, now), left_out }, new Map(), why, { ledger, now })
}

/** Why the whole of it may not run, whoever is meant; empty when it may. */
function whyNothing(run: Run, policy: VerbPolicy | undefined, ledger: LedgerView): string {
  const others = whyNotOurs(run.verb, policy)
  if (others !== '') return others
  const active = ledger.active()
  if (active.length >= MAX_ACTIVE_RUNS) return `${MAX_ACTIVE_RUNS} runs are under way or wait already`
  // Whoever wrote the command: what decides who is reached is looked at where it is launched too.
  const fault = variablesFault(run.variables ?? {}) || sealedFault(run.secrets ?? {}, run.variables)
  if (fault !== '') return fault
  const bytes = [...active, run].reduce((sum, each) => sum + variableBytes(each), 0)
  return bytes > MAX_VARIABLES_UNDER_WAY_BYTES ? 'the runs under way have too many bytes of variables already' : ''
}

function variableBytes({ variables_bytes = 0, secrets = {} }: Run): number {
  return variables_bytes + bytesOf(secrets)
}

/** More of a cluster or node than may ever run at once: they would wait for ever. */
function crowded(full: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...full].map(([host, why]) => [host, `${why}, as one asks for more: ask for fewer at once`])
}

function known(host: string, fleet: FleetView): RunHost {
  const record = fleet.byHost(host)
  if (record === undefined) return { host, key: host, uid: '', address: '' }
  return { host, key: vmKey(record), uid: record.uid, address: '' }
}
