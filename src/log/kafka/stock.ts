import { randomUUID } from 'node:crypto'
import { Fault } from '../../errors.ts'
import type { Loss, Stream } from '../log.ts'
import { type Claim, claimRecord } from './claim.ts'
import { lossesOf } from './loss.ts'
import type { OutgoingRecord } from './record.ts'
import type { Mark, Survey } from './survey.ts'
import { STREAMS } from './topics.ts'

/** Of every stream and partition, the offset after its last record that is known. */
export type Ends = ReadonlyMap<Stream, readonly number[]>

/** What is known to be there and to be gone, and the claims by which the next start knows it too. */
export class Stock {
  readonly #claim: Claim
  readonly #prefix: string
  #losses: readonly Loss[] = []
  /** Where the state partitions begin. */
  #marks: readonly Pick<Mark, 'stream' | 'partition' | 'start'>[] = []
  #told = ''
  #shrunk = false
  #number = 0

  constructor(claim: Claim, prefix: string) {
    this.#claim = claim
    this.#prefix = prefix
  }

  get losses(): readonly Loss[] {
    return this.#losses
  }

  /** Whether something was found to be gone of which the last writer did not know. */
  get shrunk(): boolean {
    return this.#shrunk
  }

  /** Holds what is there against what the last claims say of it. Throws a Fault `log_spread`. */
  take(found: Survey): void {
    refuseOtherSpread(found.claim, this.#claim, this.#prefix)
    const known = new Set(found.claim?.losses?.map(({ id }) => id))
    this.#losses = lossesOf(found, { prefix: this.#prefix, now: Date.now(), newId: randomUUID })
    this.#marks = found.marks
    this.#shrunk = this.#losses.some(({ id }) => !known.has(id))
  }

  /** The claims of now, one for each state partition; without a loss that is being confirmed. */
  claims(ends: Ends, without = ''): readonly OutgoingRecord[] {
    const losses = this.#losses.filter(({ id }) => id !== without)
    this.#number += 1
    const claim: Claim = { ...this.#claim, number: this.#number, at: Date.now(), losses }
    return this.#marks.map(({ stream, partition, start }) => {
      const reached = Object.fromEntries(STREAMS.map(of => [of, ends.get(of)?.[partition] ?? 0]))
      return claimRecord({ ...claim, reached: { start, ends: reached } }, stream, partition)
    })
  }

  /** These claims are durable. */
  told(ends: Ends, without = ''): void {
    this.#losses = this.#losses.filter(({ id }) => id !== without)
    this.#told = JSON.stringify([...ends])
  }

  /** Whether the streams went on since claims were last written. */
  outdated(ends: Ends): boolean {
    return JSON.stringify([...ends]) !== this.#told
  }
}

/** Another spread would put keys where nobody looks for them. */
function refuseOtherSpread(was: Claim | null, is: Claim, prefix: string): void {
  if (was === null) return
  const changed = [
    { key: 'partitions', from: was.partitions, to: is.partitions },
    { key: 'partitions_per_cluster', from: was.per_cluster, to: is.per_cluster },
  ].filter(({ from, to }) => from !== to)
  const [first] = changed
  if (first === undefined) return
  const what = changed.map(({ key, from, to }) => `log.kafka.${key} is ${to} and was ${from}`).join('; ')
  throw new Fault('log_spread', `the keys of ${prefix}.* lie where another configuration put them: ${what}`, {
    hint: `set log.kafka.${first.key} back to ${first.from}, or begin anew with another log.kafka.topic_prefix; nothing was changed`,
  })
}
