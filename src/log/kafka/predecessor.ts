import { Fault } from '../../errors.ts'
import { pause } from '../../waiting.ts'
import { RECORDS_VERSION, refuseNewerWriter } from '../version.ts'
import { type Claim, CLAIM_SCHEMA } from './claim.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import { survey } from './survey.ts'

const AGAIN_MS = 200

/**
 * Looks who wrote the log last, before it is taken over: to take it from a newer program and then refuse what it wrote would end both.
 * Throws a Fault `log_newer`; after `deadlineMs` what kept it from looking.
 */
export async function refuseNewerClaim(options: ReaderOptions, deadlineMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    try {
      await using reader = await Reader.open(options)
      const { claim } = await survey(reader)
      if (claim !== null) refuseNewerWriter(`the log ${options.prefix}.*`, writtenBy(claim))
      return
    } catch (error) {
      if (error instanceof Fault || performance.now() > deadline || signal.aborted) throw error
      await pause(AGAIN_MS, signal)
    }
  }
}

/** A claim of a later schema is of a program that knows more, whatever it says of its records. */
function writtenBy({ schema, records = 1 }: Claim): number {
  return Math.max(records, schema > CLAIM_SCHEMA ? RECORDS_VERSION + 1 : 0)
}
