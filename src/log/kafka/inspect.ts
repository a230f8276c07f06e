import { setTimeout as sleep } from 'node:timers/promises'
import type { Loss } from '../log.ts'
import { CLAIM_SCHEMA } from './claim.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import { type Ends, Stock } from './stock.ts'
import { survey } from './survey.ts'

/**
 * After this long what only seemed to be gone is there again: a leader that is new names an end that is behind until its followers have
 * asked it (500 ms at most), and a writer that just writes its claims anew is done with it.
 */
const AGAIN_MS = 600

/** Takes stock of what lies in the topics, and looks twice before something is said to be gone. Gives how far the streams reach. */
export async function takeStock(reading: ReaderOptions, stock: Stock): Promise<Ends> {
  const look = async (): Promise<Ends> => {
    await using reader = await Reader.open(reading)
    const found = await survey(reader)
    stock.take(found)
    return found.ends
  }
  const ends = await look()
  if (!stock.shrunk) return ends
  await sleep(AGAIN_MS)
  return look()
}

/** What a start would find to be gone; the log is left to who has it. Throws a Fault `log_spread`, or what keeps it from looking. */
export async function inspectLosses(reading: ReaderOptions, perCluster: number): Promise<readonly Loss[]> {
  const nobody = { schema: CLAIM_SCHEMA, writer: '', host: '', pid: 0, since: '' } as const
  const stock = new Stock({ ...nobody, partitions: reading.partitions, per_cluster: perCluster }, reading.prefix)
  await takeStock(reading, stock)
  return stock.losses
}
