import type { Encoded } from '../encode.ts'
import { type Entry, isState, LogError, type Stream, type Value } from '../log.ts'
import type { FetchedRecord } from './fetch-response.ts'
import { partitionOf, type Spread } from './partition.ts'

/** An entry as it goes to Kafka, but for its time. */
export interface OutgoingRecord {
  readonly stream: Stream
  readonly partition: number
  readonly key: Buffer
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: number
}

/** Keys that begin so are the engine's own: no reader of the log sees them. A cluster's name is a DNS label, so none collides. */
const OWN = '__'
const OVERHEAD_BYTES = 256

/** Lays an encoded entry into its record. Throws a LogError that names the key when it is one of the engine's own. */
export function toRecord({ entry, stream, key: name, json }: Encoded, spread: Spread): OutgoingRecord {
  if (name.startsWith(OWN)) {
    throw new LogError('refused', `${stream} takes no key that begins with ${OWN} (key ${name})`)
  }
  const key = Buffer.from(name)
  const value = json === null ? null : Buffer.from(json)
  const bytes = key.length + (value?.length ?? 0) + OVERHEAD_BYTES
  return { stream, partition: partitionOf(name, spread), key, value, headers: headersOf(entry), bytes }
}

/**
 * CloudEvents of a structured JSON message (https://github.com/cloudevents/spec, Kafka binding §3.3), with the attributes mirrored for
 * those who route by header. None is ever null or empty: null ends an ansible-rulebook activation.
 */
function headersOf({ value }: Entry): Readonly<Record<string, string>> {
  const event = value as Partial<Record<string, unknown>> | null
  if (event === null || typeof event['specversion'] !== 'string') return { 'content-type': 'application/json' }
  const headers: Record<string, string> = { 'content-type': 'application/cloudevents+json; charset=UTF-8' }
  for (const name of ['specversion', 'id', 'source', 'type', 'subject', 'time', 'dataschema']) {
    const attribute = event[name]
    if (typeof attribute === 'string' && attribute !== '') headers[`ce_${name}`] = attribute
  }
  if (headers['ce_id'] !== undefined) headers['message_uuid'] = headers['ce_id']
  return headers
}

/** True for a record of the engine itself. */
export function isOwn({ key }: Pick<FetchedRecord, 'key'>): boolean {
  return key !== null && key[0] === 0x5f && key[1] === 0x5f
}

const [OPEN, CLOSE] = [0x7b, 0x7d]

/**
 * The value of an entry, null for a tombstone; undefined for a record that somebody else wrote and that is none: it has no key or is no
 * JSON object, or is a tombstone where there are none. It is passed over, as one such record would else keep every reader from all that
 * comes after it.
 */
export function valueOf(stream: Stream, { key, value }: FetchedRecord): Value | null | undefined {
  if (key === null) return undefined
  if (value === null) return isState(stream) ? null : undefined
  if (value[0] !== OPEN || value.at(-1) !== CLOSE) return undefined
  try {
    return JSON.parse(value.toString()) as Value
  } catch {
    return undefined
  }
}

/** True for an entry of the log: no record of the engine itself, and none that somebody else wrote. */
export function isEntry(stream: Stream, record: FetchedRecord): boolean {
  return !isOwn(record) && valueOf(stream, record) !== undefined
}
