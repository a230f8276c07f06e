import { type Day2EventData, type Day2Fact, envelope, type Event, factId } from '../event/index.ts'
import type { Loss } from '../log/index.ts'
import { SELF } from './run.ts'

/** The event of records that the log lost. It is about no run: its id stands where a run's does. */
export function lossEvent(loss: Loss): Event<Day2EventData> {
  return eventOf(loss, 'records_lost', SELF, loss.at)
}

/** The event of a person who knows that they are gone. */
export function confirmedEvent(loss: Loss, askedBy: string, now: number): Event<Day2EventData> {
  return eventOf(loss, 'loss_confirmed', askedBy, now)
}

function eventOf(
  { id, stream, reason }: Loss,
  fact: 'records_lost' | 'loss_confirmed',
  askedBy: string,
  at: number,
): Event<Day2EventData> {
  return eventOfNoRun({ id, fact, askedBy, subject: stream, message: reason, hosts: 0, at })
}

/** An event of day-2 work that is about no run: `id` and `subject` are those of the thing it is about. `at` in ms. */
export function eventOfNoRun(of: {
  readonly id: string
  readonly fact: Day2Fact
  readonly askedBy: string
  readonly subject: string
  readonly message: string
  readonly hosts: number
  readonly at: number
}): Event<Day2EventData> {
  const { id, fact, askedBy, subject, message, hosts, at } = of
  const data = {
    schema_version: 1,
    time_epoch: Math.floor(at / 1000),
    fact,
    run: {
      id,
      verb: '',
      template: '',
      asked_by: askedBy,
      status: '',
      check: false,
      asked_because: '',
      trigger: '',
      allowed_by: '',
      attempts: 0,
    },
    job: { id: 0, url: '' },
    host: '',
    vm_uid: '',
    outcome: '',
    hosts,
    counts: {},
    reason: subject,
    message,
  } as const
  const cluster = { name: '', hub: '' }
  return envelope({ kind: 'day2', id: factId('', id, fact, []), fact, cluster, subject, at, data })
}
