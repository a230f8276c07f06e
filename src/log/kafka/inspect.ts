import { setTimeout as sleep } from 'node:timers/promises'
import type { Loss } from '../log.ts'
import { CLAIM_SCHEMA } from './predecessor.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import { Stock } from './stock.ts'
import { survey } from './survey.ts'

/** A writer that just writes its claims anew is done with it after this long. */
const AGAIN_MS = 1_000

/** What a start would find to be gone; the log is left to who has it. Throws a Fault `log_spread`, or what keeps it from looking. */
export async function inspectLosses(reading: ReaderOptions, perCluster: number): Promise<readonly Loss[]> {
  const first = await look(reading, perCluster)
  if (first.length === 0) return first
  await sleep(AGAIN_MS)
  const second = await look(reading, perCluster)
  return second.filter(({ stream }) => first.some(loss => loss.stream === stream))
}

async function look(reading: ReaderOptions, perCluster: number): Promise<readonly Loss[]> {
  const nobody = { schema: CLAIM_SCHEMA, writer: '', host: '', pid: 0, since: '' } as const
  const stock = new Stock({ ...nobody, partitions: reading.partitions, per_cluster: perCluster }, reading.prefix)
  await using reader = await Reader.open(reading)
  stock.take(await survey(reader))
  return stock.losses
}
