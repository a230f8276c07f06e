import { type Day2EventData, envelope, type Event, factId } from '../event/index.ts'
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
  loss: Loss,
  fact: 'records_lost' | 'loss_confirmed',
  askedBy: string,
  now: number,
): Event<Day2EventData> {
  const data = {
    schema_version: 1,
    time_epoch: Math.floor(now / 1000),
    fact,
    run: { id: loss.id, verb: '', template: '', asked_by: askedBy, status: '', check: false },
    job: { id: 0, url: '' },
    host: '',
    vm_uid: '',
    outcome: '',
    hosts: 0,
    counts: {},
    reason: loss.stream,
    message: loss.reason,
  } as const
  const id = factId('', loss.id, fact, [])
  return envelope({ kind: 'day2', id, fact, cluster: { name: '', hub: '' }, subject: loss.stream, at: now, data })
}
