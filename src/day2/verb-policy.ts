import type { Verb } from './run.ts'
import type { StepPlan } from './run-step.ts'

/** How a verb is done and on which guests, as the configuration says. */
export interface VerbPolicy {
  /** Empty of a verb with steps. */
  readonly template: string
  /** Done in this order instead, each by a job of its own. Left out: it is one job. */
  readonly steps?: readonly StepPlan[]
  /** The organization of the template; left out or empty: `controller.organization`. */
  readonly organization?: string
  readonly driver: 'bridge' | 'eda' | 'off'
  /** The families of operating systems it may run on: `linux`, `windows`. */
  readonly os: readonly string[]
  /** Left out: `guest`. */
  readonly needs?: Needs
}

/**
 * What the work of a verb needs. `guest`: it connects to the guest, which must run, answer and be where the controller looks for it.
 * `vm`: it is done on the cluster or on another server, for a VM that may be stopped or broken; its jobs run on an inventory in which such
 * a VM is enabled.
 */
export type Needs = 'guest' | 'vm'

/** The job template that the verb begins with. */
export function firstTemplate({ template, steps }: Pick<VerbPolicy, 'template' | 'steps'>): string {
  return steps?.[0]?.template ?? template
}

/** Why this bridge never launches the verb, whoever asks, in one phrase; empty when it does. `policy` undefined: the configuration has no such verb. */
export function whyNotOurs(verb: Verb, policy: Pick<VerbPolicy, 'driver'> | undefined): string {
  if (policy === undefined) return `this bridge has no verb ${verb}`
  return policy.driver === 'bridge' ? '' : `its driver is ${policy.driver}`
}
