import type { Grounds } from './grounds.ts'
import type { RunStep } from './run-step.ts'
import { spent } from './sealed.ts'
import type { SealedSecrets } from './secrets.ts'
import { MAX_KEPT_VARIABLES_BYTES, type Variables } from './variables.ts'

/** What is done to a VM: `onboard`, `patch`, and whatever else the configuration names. Lower case, with underscores. */
export type Verb = string

/** What a verb may be called, here and in the configuration (src/config/verb-schema.ts). */
export const VERB_PATTERN = '^[a-z][a-z0-9_]{0,62}$'

/** Who asks for what starts by itself. */
export const SELF = 'bridge'

/**
 * Where a run stands. Each is durable before what follows from it is done.
 *
 * planned → (updating → planned) → posting → following → finished
 *                                   └→ searching → following, or planned again after a quiet period without a job
 */
export type RunStatus = 'planned' | 'updating' | 'posting' | 'searching' | 'following' | 'finished'

/** Of a run as a whole. `refused`: nothing ran. `unknown`: something may have run, and nobody can tell what. */
export type RunOutcome = '' | 'ok' | 'failed' | 'refused' | 'unknown'

/** A guest as it was meant when the run was planned. */
export interface RunHost {
  readonly host: string
  /** `<cluster>/<namespace>/<name>` */
  readonly key: string
  readonly uid: string
  readonly address: string
}

/** A host that goes no further than some step: it has its result, and the run holds it no more. */
export interface HaltedHost extends RunHost {
  readonly step: string
  readonly outcome: HostResult['outcome']
}

/** How somebody else launched a job on our hosts. */
export interface External {
  /** Who, as the controller tells: a person, a schedule, a workflow; empty when it does not. */
  readonly by: string
  /** `manual`, `relaunch`, `scheduled`, `workflow`, … */
  readonly launch_type: string
  /** As it was launched, cut to 256 characters; empty is every host. */
  readonly limit: string
  /** The limit can not be told apart (all, groups, patterns): while it runs every VM is held. */
  readonly whole: boolean
  /** The run whose job it was made from; empty when it is no copy. */
  readonly copy_of: string
}

/** Whom a wish was for, in words that stood for other hosts before and may stand for others later. What is left out did not narrow it. */
export interface Selection {
  readonly view?: string
  readonly profile?: string
  /** Labels, as kubectl takes them. */
  readonly selector?: string
  readonly cluster?: string
  readonly namespace?: string
}

/**
 * One verb on some VMs: by one job, or by one for each of its steps. The intent, and what became of it. On `state.runs` under `run/<id>`.
 * Of a run with steps, template, status, hosts, job and all that counts launches and waits are those of the step that it is at.
 */
export interface Run extends Partial<Grounds> {
  /**
   * 2 for what others launched: a program of before would take it for its own. 3 for one with variables, a dry one and one whose template is
   * of another organization: a program of before would launch it without them, in earnest, or something else. 4 for one with secrets. 6 for
   * one with steps: a program of before would end it after the first.
   */
  readonly schema: 1 | 2 | 3 | 4 | 6
  readonly kind: 'run'
  readonly id: string
  /** Empty for a job of others whose template is not known to do one. */
  readonly verb: Verb
  readonly template: string
  /** The organization of the template, where it is not the one of the bridge's other objects. */
  readonly organization?: string
  /** `SELF` when a fact started it, else the name of the token that asked, or `controller:` and who launched it there. */
  readonly asked_by: string
  readonly reason: string
  readonly created_at: number
  readonly status: RunStatus
  /** What its job gets beside what virtbridge tells it. Of one that has ended only when it is small. */
  readonly variables?: Variables
  /** Of the variables, also when they are not kept. */
  readonly variables_digest?: string
  readonly variables_bytes?: number
  /** What more its job gets, sealed. As soon as they are not needed any more only their marks are left. */
  readonly secrets?: SealedSecrets
  /** It only looks: it leaves what was done to its VMs as it was. */
  readonly check?: true
  /** How its hosts were said, when not by their names. */
  readonly selection?: Selection
  /** The wishes that share it, where they have idempotency keys: by the id that each has by its key, a digest of the hosts that it is for. */
  readonly shared?: Readonly<Record<string, string>>
  readonly hosts: readonly RunHost[]
  /** Hosts that were asked for and on which nothing is launched, each with its reason. */
  readonly left_out: readonly (RunHost & { readonly reason: string })[]
  /** All of its steps, in their order; absent where a run is one job. */
  readonly steps?: readonly RunStep[]
  /** Which of them it is at, from 0; and since when it has been that one's turn, in ms, of any but the first. */
  readonly step?: number
  readonly step_at?: number
  /** Hosts that go no further. Each host that was asked for is in one of these three. */
  readonly halted?: readonly HaltedHost[]
  /** Launches begun, inventory updates asked for. Both bounded. */
  readonly attempts: number
  readonly updates: number
  /** `source`: the id of the inventory source that it updates; left out by programs of before. */
  readonly update: { readonly id: number; readonly url: string; readonly source?: number } | null
  /** When the present status began, in ms: every wait is measured from it. */
  readonly since: number
  readonly template_id: number
  readonly inventory_id: number
  readonly job: { readonly id: number; readonly url: string } | null
  /** When it was known that its job runs, in ms; absent before, and where others launched it. */
  readonly launched_at?: number
  readonly job_ended_at: number
  /** How its job differs from what was asked for; empty when it does not. */
  readonly astray: string
  /** When its job was asked to stop, in ms; 0 when it was not. */
  readonly stopped_at: number
  readonly finished_at: number
  readonly outcome: RunOutcome
  readonly counts: Readonly<Record<string, number>>
  readonly message: string
  /** A person asked for its end. What runs by then is cancelled, what does not is refused. */
  readonly cancel?: { readonly by: string; readonly at: number }
  /** Since when the controller does not let this account read its job, in ms; absent while it does. */
  readonly unread_at?: number
  /** A person lets go of a job of others that can not be read: it holds nothing any more, unless it can be read again by then. */
  readonly let_go?: { readonly by: string; readonly at: number }
  /** Its job waits at the controller, and what that says of why; often nothing. */
  readonly job_pending?: string
  /** When it was told that it stands still, in ms; told once. */
  readonly stuck_at?: number
  /** Only of a job that the bridge did not launch: it is seen, holds its VMs and is recorded, and never cancelled by the bridge. */
  readonly external?: External
}

/** What became of one host of one run. On `state.runs` under `run/<id>/<host>`. */
export interface HostResult {
  readonly schema: 1
  readonly kind: 'host'
  readonly run: string
  readonly host: string
  readonly uid: string
  readonly outcome: 'ok' | 'failed' | 'unreachable' | 'missing' | 'unknown' | 'refused'
  readonly detail: string
  readonly at: number
  /** The step that it came no further than; absent when it was all of them, and where there are none. */
  readonly step?: string
  /** What the play itself told of the host (`set_stats`), held against `schemas/result-v1.json`: only data. At most 4 KB. */
  readonly returned?: Readonly<Record<string, unknown>>
}

/** What a verb did last to one incarnation of a VM. On `state.runs` under `vm/<uid>/<verb>`. */
export interface VerbRecord {
  readonly schema: 1
  readonly kind: 'verb'
  readonly uid: string
  readonly host: string
  readonly verb: Verb
  readonly status: 'running' | HostResult['outcome']
  readonly run: string
  readonly asked_by: string
  readonly detail: string
  readonly at: number
  /** Runs that started by themselves and ended refused, in a row: nothing ran, so it may be tried again, ever later. */
  readonly refusals: number
  /** While it is running: what it came to before, which counts again when nothing runs after all. */
  readonly before?: VerbRecord
}

/** How the message of a run begins that waits for room beside others. */
export const WAITS = 'waits: '

/** Since when the job that a run is at has been due, in ms. */
export function dueAt({ created_at, step_at = created_at }: Pick<Run, 'created_at' | 'step_at'>): number {
  return step_at
}

/** Every host that a run was asked for, whatever has become of it. */
export function askedOf({
  hosts,
  left_out,
  halted = [],
}: Pick<Run, 'hosts' | 'left_out' | 'halted'>): readonly RunHost[] {
  return [...hosts, ...left_out, ...halted]
}

/** A run that has ended, without variables that are too large to be kept of each. */
export function withoutLarge({ variables, ...run }: Run): Run {
  const small = variables === undefined || (run.variables_bytes ?? 0) <= MAX_KEPT_VARIABLES_BYTES
  return small && variables !== undefined ? { ...run, variables } : run
}

/** A run whose secrets are not needed any more: they can not be opened from now on, whoever has the key. */
export function withoutSecrets(run: Run): Run {
  if (run.secrets === undefined) return run
  const left = Object.entries(run.secrets).map(([name, one]) => [name, spent(one)] as const)
  return { ...run, secrets: Object.fromEntries(left) }
}

/** Leaves hosts out of a run, each with its reason. */
export function leaveOut(run: Run, reasons: ReadonlyMap<string, string>): Run {
  if (reasons.size === 0) return run
  const out = run.hosts
    .filter(host => reasons.has(host.host))
    .map(host => ({ ...host, reason: reasons.get(host.host) ?? '' }))
  return { ...run, hosts: run.hosts.filter(host => !reasons.has(host.host)), left_out: [...run.left_out, ...out] }
}
