import { Fault } from '../errors.ts'
import type { Stored } from './log.ts'

/**
 * Grows by one with the schema of any stored record that a program of before could not read: VM, cluster, run and its results, command,
 * dead letter. Who writes a log says in it which it writes, so that an older program refuses it before it takes it over.
 */
export const RECORDS_VERSION = 6

/**
 * Throws a Fault `log_newer` for a record of a later schema than `known`: what it means is not known, so nothing may be done by it, and
 * written over it would be lost.
 */
export function refuseNewer({ stream, key, value }: Pick<Stored, 'stream' | 'key' | 'value'>, known: number): void {
  const schema = value !== null && 'schema' in value ? value.schema : undefined
  if (typeof schema !== 'number' || schema <= known) return
  const message = `${stream} has ${key} by a newer virtbridge (record schema ${schema}, this one knows ${known})`
  throw new Fault('log_newer', message, { hint: HINT })
}

/** The same for the log as a whole: `found` is what its writer said that it writes. */
export function refuseNewerWriter(where: string, found: number): void {
  if (found <= RECORDS_VERSION) return
  const message = `${where} is written by a newer virtbridge (records ${found}, this one knows ${RECORDS_VERSION})`
  throw new Fault('log_newer', message, { hint: HINT })
}

const HINT = 'start the newer version again; nothing was written or launched by this one'
