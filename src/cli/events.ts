import type { ClusterEventData, Day2EventData, Event, VmEventData } from '../event/index.ts'
import { Fault } from '../errors.ts'
import type { DeadLetter } from '../log/index.ts'
import { pause } from '../waiting.ts'
import { counted } from '../whole-number.ts'
import type { Api } from './api.ts'
import { paint, type Terminal } from './terminal.ts'

export interface EventsOptions {
  readonly stream: string
  readonly after: string
  readonly limit: string
  readonly follow: boolean
  readonly json: boolean
}

/** How long to wait before a broken stream is opened again, in ms. */
const AGAIN_MS = 1_000

/** Prints events, one a line: those that are stored, or with `follow` also those that come, until the signal aborts. A stream that breaks is resumed where it was. */
export async function printEvents(
  api: Api,
  options: EventsOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const print = (record: Event | DeadLetter): void => {
    const text = (): string => ('cause' in record ? describeLetter(record, terminal) : describe(record, terminal))
    terminal.out(options.json ? JSON.stringify(record) : text())
  }
  const query = (after: string): string =>
    `?${new URLSearchParams({ stream: options.stream, after, limit: options.limit }).toString()}`
  if (!options.follow) {
    const page = (await api.get(`/api/v1/events${query(options.after)}`)) as {
      events: (Event | DeadLetter)[]
      next: string
    }
    for (const event of page.events) print(event)
    return
  }
  let after = options.after
  let opened = false
  while (!signal.aborted) {
    try {
      const follow = api.follow(`/api/v1/events${query(after)}`, signal, position => {
        after = position
        opened = true
      })
      for await (const { id, data } of follow) {
        after = id || after
        print(JSON.parse(data) as Event | DeadLetter)
      }
    } catch (error) {
      if (signal.aborted) return
      // The first attempt tells what is wrong; later ones wait for the bridge to come back.
      if (!opened || refuses(error)) throw error
    }
    await pause(AGAIN_MS, signal)
  }
}

/** True for an error that does not pass by itself: the token is not accepted any more. */
function refuses(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'unauthorized' || error.code === 'forbidden')
}

/** One event on one line. */
export function describe(event: Event, terminal: Pick<Terminal, 'colours'>): string {
  const [, , kind = '', fact = ''] = event.type.split('.')
  const time = paint(terminal, 'dim', event.time.slice(11, 19))
  const notes =
    kind === 'day2'
      ? day2Notes(event.data as Day2EventData)
      : kind === 'vm'
        ? vmNotes(event.data as VmEventData)
        : clusterNotes(event.data as ClusterEventData)
  const text = notes.filter(note => note !== '').join(', ')
  return `${time}  ${paint(terminal, 'bold', fact.padEnd(16))} ${subjectOf(kind, event)}${text === '' ? '' : `  ${text}`}`
}

/** One dead letter on one line: when, why, and where it was to be stored. */
function describeLetter(letter: DeadLetter, terminal: Pick<Terminal, 'colours'>): string {
  const { at, cause, stream, key, event_type, event_id, reason } = letter
  const time = paint(terminal, 'dim', new Date(at).toISOString().slice(11, 19))
  const event = event_type === '' ? '' : `, ${event_type} ${event_id}`
  return `${time}  ${paint(terminal, 'bold', cause.padEnd(16))} ${stream} ${key}${event}: ${reason}`
}

/** Host names rather than keys, and the first part of a run's id: what a person would type or compare. */
function subjectOf(kind: string, event: Event): string {
  if (kind === 'vm') return (event.data as VmEventData).host
  if (kind !== 'day2') return event.subject
  const { host, run } = event.data as Day2EventData
  return host === '' ? `run ${run.id.slice(0, 8)}` : host
}

function day2Notes({ run, host, hosts, outcome, reason, message, job }: Day2EventData): readonly string[] {
  if (host !== '') return [run.verb, outcome, reason]
  return [run.verb, counted(hosts, 'host'), job.id === 0 ? '' : `job ${job.id}`, outcome, message]
}

function vmNotes({ origin, gap, reason, transition, changed }: VmEventData): readonly string[] {
  const moved = transition.from !== '' && transition.to !== '' ? `${transition.from} → ${transition.to}` : ''
  const labels = changed.filter(name => name.startsWith('labels.')).join(' ')
  return [moved, labels, reason, origin === 'live' ? '' : origin, gap ? 'gap' : '']
}

function clusterNotes(data: ClusterEventData): readonly string[] {
  const { fact, added, removed, message, vms, origin, deleted = [], confirmed_by: by = '' } = data
  if (fact === 'placement_changed')
    return [...added.map(name => `+${name}`), ...removed.map(name => `-${name}`), message]
  if (fact === 'deletions_confirmed') return [`${message}, says ${by}`, deleted.join(' ')]
  return [counted(vms, 'VM'), message, origin === 'live' ? '' : origin]
}
