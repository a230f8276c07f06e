import type { Selection, Verb } from './run.ts'
import type { SealedSecrets } from './secrets.ts'
import type { Variables } from './variables.ts'

/** A wish of a person, on the stream `commands`. */
export type Command =
  RunCommand | CancelCommand | WatchCommand | LookCommand | ConfirmCommand | ConfirmLossCommand | ReleaseCommand

export interface RunCommand {
  /** 2 when it has variables or is a dry run: a program of before would launch it without the one, or in earnest. 3 when it has secrets. */
  readonly schema: 1 | 2 | 3
  readonly kind: 'run'
  readonly id: string
  readonly verb: Verb
  readonly hosts: readonly string[]
  readonly asked_by: string
  readonly reason: string
  readonly at: number
  readonly variables?: Variables
  /** More of them, which nobody may read. */
  readonly secrets?: SealedSecrets
  /** It only looks. */
  readonly check?: true
  /** How the hosts were said, when not by their names. */
  readonly selection?: Selection
  /** The wishes that share it, where they have idempotency keys: by the id that each has by its key, which of `hosts` it is for. */
  readonly shared?: Readonly<Record<string, readonly number[]>>
  /** The right by which who took it in let it pass; absent in commands of before. */
  readonly allowed_by?: string
}

/** A person wants a run to end. */
export interface CancelCommand {
  readonly schema: 1
  readonly kind: 'cancel'
  readonly id: string
  readonly run: string
  readonly asked_by: string
  readonly at: number
}

/** Somebody watches a run, for a minute from now on: how its job goes is looked at host by host. */
export interface WatchCommand {
  readonly schema: 1
  readonly kind: 'watch'
  readonly id: string
  readonly run: string
  readonly at: number
}

/** The controller says that something has happened there: a look may be worth while. It says nothing that is believed. */
export interface LookCommand {
  readonly schema: 1
  readonly kind: 'look'
  readonly id: string
  readonly at: number
}

export interface ConfirmCommand {
  readonly schema: 1
  readonly kind: 'confirm'
  readonly id: string
  readonly cluster: string
  /** Which VMs, of which hold: the `missing_digest` of the cluster as the person saw it. */
  readonly digest: string
  readonly asked_by: string
  readonly at: number
}

/** A person knows that records of a stream are gone. `loss` is the id of that loss: it never confirms another. */
export interface ConfirmLossCommand {
  readonly schema: 1
  readonly kind: 'confirm_loss'
  readonly id: string
  readonly loss: string
  readonly stream: string
  readonly asked_by: string
  readonly at: number
}

/** A person lets go on what the brake holds. `brake` is the id of that brake as the person saw it: it never releases another. */
export interface ReleaseCommand {
  readonly schema: 1
  readonly kind: 'release_brake'
  readonly id: string
  readonly brake: string
  readonly asked_by: string
  readonly at: number
}
