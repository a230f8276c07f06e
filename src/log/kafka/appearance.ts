import { faultIn, inspectTopics, type TopicsReport } from './admin.ts'
import type { Connection } from './client.ts'
import { CLOCK, type Clock } from './settling.ts'
import type { TopicPlan } from './topics.ts'

/** So long topics that Kafka does not know are asked for again, in ms: right after they were created not every broker knows of them. */
const MAX_UNSEEN_MS = 10_000
const AGAIN_MS = 250
/** It is over soon by itself. */
const NEVER = new AbortController().signal

interface Waiting {
  readonly clock: Clock
  /** Told once, with their names, when there are topics to wait for. */
  readonly tell: (topics: readonly string[]) => void
}

/**
 * What is found of the topics once all are there, or when some stayed away for too long. When one that is there is not as it has to be, it
 * is not waited for others: a person has to mend it anyway.
 */
export async function whenTheyAppear(
  inspect: () => Promise<TopicsReport>,
  { clock, tell }: Waiting,
): Promise<TopicsReport> {
  const began = clock.steady()
  for (let looks = 0; ; looks += 1) {
    const report = await inspect()
    const unseen = report.topics.filter(({ exists }) => !exists)
    const isWrong = report.topics.some(({ exists, faults }) => exists && faults.length > 0)
    if (unseen.length === 0 || isWrong || clock.steady() - began >= MAX_UNSEEN_MS) return report
    if (looks === 0) tell(unseen.map(({ topic }) => topic))
    await clock.rest(AGAIN_MS, NEVER)
  }
}

/** Throws the Fault `log_topics` when topics are not as they have to be, and stay so. `tell`: see `Waiting`. */
export async function expectTopics(connection: Connection, plan: TopicPlan, tell: Waiting['tell']): Promise<void> {
  const fault = faultIn(await whenTheyAppear(() => inspectTopics(connection, plan), { clock: CLOCK, tell }))
  if (fault !== null) throw fault
}
