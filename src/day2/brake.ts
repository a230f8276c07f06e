import type { Day2EventData, Event } from '../event/index.ts'
import type { Entry } from '../log/index.ts'
import type { ReleaseCommand } from './command.ts'
import { eventOfNoRun } from './loss-event.ts'
import { SELF } from './run.ts'

/** What starts by itself is held until a person says otherwise. On `state.runs` under `brake`, where nothing is once it was released. */
export interface Brake {
  /** A program of before would launch what is held. */
  readonly schema: 5
  readonly kind: 'brake'
  readonly id: string
  /** Since when, in ms. */
  readonly at: number
  /** What was too much, in one phrase. */
  readonly reason: string
  /** VMs that were due by then, and are held. */
  readonly hosts: number
}

/** Who released the brake last, and when. What started before counts no more. On `state.runs` under `brake/released`. */
export interface BrakeReleased {
  readonly schema: 1
  readonly kind: 'brake_released'
  readonly id: string
  readonly at: number
  readonly by: string
}

export const BRAKE_KEY = 'brake'
export const RELEASED_KEY = 'brake/released'

/** Why a VM on which something is due is left alone, and what a person does about it. */
export function whyBraked({ at, reason }: Pick<Brake, 'at' | 'reason'>): string {
  return `held by the brake since ${new Date(at).toISOString()}: ${reason}; virtbridge brake release lets it go on`
}

/** The entries that hold what starts by itself from now on, in the log before anything else is held or started. */
export function braked(brake: Brake): readonly Entry[] {
  return [
    { stream: 'events.day2', key: BRAKE_KEY, value: brakeEvent(brake, 'brake_set', SELF, brake.at) },
    { stream: 'state.runs', key: BRAKE_KEY, value: brake },
  ]
}

/** The entries of a person's word that it may go on; or, in one phrase, why that changes nothing: a word about one brake releases no later one. Pure. */
export function released(command: ReleaseCommand, brake: Brake | undefined, now: number): readonly Entry[] | string {
  if (brake === undefined) return 'no brake holds anything'
  if (brake.id !== command.brake) return 'it was about an earlier brake'
  const { asked_by: by } = command
  const value: BrakeReleased = { schema: 1, kind: 'brake_released', id: brake.id, at: now, by }
  return [
    { stream: 'events.day2', key: BRAKE_KEY, value: brakeEvent(brake, 'brake_released', by, now) },
    { stream: 'state.runs', key: RELEASED_KEY, value },
    { stream: 'state.runs', key: BRAKE_KEY, value: null },
  ]
}

/** What a value of the stream of commands says of the brake; null when it says nothing of it, or can not be read. */
export function readRelease(value: unknown): ReleaseCommand | null {
  const { kind, schema, brake, asked_by } = value as Record<string, unknown>
  const readable = kind === 'release_brake' && schema === 1 && typeof brake === 'string' && typeof asked_by === 'string'
  return readable ? (value as ReleaseCommand) : null
}

function brakeEvent(
  { id, reason, hosts }: Brake,
  fact: 'brake_set' | 'brake_released',
  askedBy: string,
  at: number,
): Event<Day2EventData> {
  return eventOfNoRun({ id, fact, askedBy, subject: BRAKE_KEY, message: reason, hosts, at })
}
