import { v5 as uuid5 } from 'uuid'
import { plainText } from '../event/index.ts'

/** What a step came to, or where it stands: `waits` until its job runs, `not_run` when its turn never came. */
export type StepState = 'waits' | 'runs' | 'ok' | 'failed' | 'refused' | 'unknown' | 'not_run'

/** One step of a run: a job of its own. What a run goes through is written down when it is planned, and never changes. */
export interface RunStep {
  readonly name: string
  readonly template: string
  /** A UUID: its marker at the controller names it. That of the first step is the id of the run. */
  readonly intent: string
  readonly state: StepState
  readonly job: { readonly id: number; readonly url: string } | null
  /** When it was known that its job runs, and when it had ended, in ms; 0 before. */
  readonly started_at: number
  readonly ended_at: number
  /** Launches begun. */
  readonly attempts: number
  /** Its hosts by outcome; those that it was not launched on are `refused`. */
  readonly counts: Readonly<Record<string, number>>
  readonly message: string
}

/** What a step is, as the configuration says it. */
export type StepPlan = Pick<RunStep, 'name' | 'template'>

/** The namespace of the intents of steps. */
const INTENTS = '7f1d0c5a-2b64-5d0e-9a31-3c1f6f2e8b47'

/** The steps of a run before any of them. The same run has the same intents at any time. Pure. */
export function plannedSteps(run: string, steps: readonly StepPlan[]): readonly RunStep[] {
  return steps.map(({ name, template }, index) => ({
    name,
    template,
    intent: index === 0 ? run : uuid5(`${run} ${index}`, INTENTS),
    state: 'waits',
    job: null,
    started_at: 0,
    ended_at: 0,
    attempts: 0,
    counts: {},
    message: '',
  }))
}

/** What of a run says where in its steps it is. */
interface Stepping {
  readonly id: string
  readonly steps?: readonly RunStep[]
  readonly step?: number
}

/** The step that a run is at; undefined of a run that is one job. */
export function stepOf({ steps, step = 0 }: Stepping): RunStep | undefined {
  return steps?.[step]
}

/** The step that a run is at, for people, as `verify (3 of 3)`; empty of a run that is one job. */
export function stepName(run: Stepping): string {
  const step = stepOf(run)
  return step === undefined ? '' : `${step.name} (${(run.step ?? 0) + 1} of ${run.steps?.length ?? 0})`
}

/** The intent of the launch that is due, or under way: a UUID. */
export function intentOf(run: Stepping): string {
  return stepOf(run)?.intent ?? run.id
}

/** The intents of all its launches. */
export function intentsOf({ id, steps }: Stepping): readonly string[] {
  return steps?.map(({ intent }) => intent) ?? [id]
}

/** Whether it is at a step after the first: something was done on its hosts already. */
export function isLaterStep({ step = 0 }: Pick<Stepping, 'step'>): boolean {
  return step > 0
}

/** Whether another step comes after the one that it is at. */
export function hasNextStep({ steps = [], step = 0 }: Stepping): boolean {
  return step + 1 < steps.length
}

/** The steps that come after the one that it is at. */
export function stepsToCome({ steps = [], step = 0 }: Stepping): readonly RunStep[] {
  return steps.slice(step + 1)
}

/** Its steps with news of the one that it is at. */
export function withStep({ steps = [], step = 0 }: Stepping, news: Partial<RunStep>): readonly RunStep[] {
  return steps.map((one, index) => (index === step ? { ...one, ...news } : one))
}

/**
 * Why a run can not go on with the steps that it was planned with, in one sentence: the configuration says others by now, and which of
 * them would stand for what was done is a guess. Empty when it can. Pure.
 */
export function otherSteps({ steps }: Stepping, now: readonly StepPlan[] | undefined): string {
  if (steps === undefined) return ''
  const [then, today] = [wordsOf(steps), now === undefined ? 'none' : wordsOf(now)]
  // It stands with each host.
  return then === today ? '' : plainText(`its verb has other steps by now: ${today}; it began with ${then}`)
}

function wordsOf(steps: readonly StepPlan[]): string {
  return steps.map(({ name, template }) => `${name} ("${template}")`).join(', ')
}
