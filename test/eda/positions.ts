import { Kafka, logLevel } from 'kafkajs'
import { expect, vi } from 'vitest'
import { type Folder, ruleSets } from './rulebook-file.ts'

/** A consumer group, and the topic that it reads. */
interface Reader {
  readonly groupId: string
  readonly topic: string
}

/** Those of the rulebooks of a folder. */
export function readersOf(folder: Folder): readonly Reader[] {
  return [...ruleSets(folder).values()].map(({ sources: [source] }) => {
    const { group_id: groupId, topic } = (source ?? {})['ansible.eda.kafka'] as { group_id: string; topic: string }
    return { groupId, topic }
  })
}

/**
 * Resolves when Kafka keeps the end of its topic as the position of each of them. Without `feedback` it is told of that every five
 * seconds only, and an ansible-rulebook 1.1 that is stopped says no last word: who stops it sooner is told all of that time again.
 */
export async function keptToTheEnd(brokers: readonly string[], readers: readonly Reader[]): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await vi.waitFor(
      async () => {
        for (const { groupId, topic } of readers) {
          const [kept] = await admin.fetchOffsets({ groupId, topics: [topic] })
          const ends = await admin.fetchTopicOffsets(topic)
          const positions = kept?.partitions.map(({ partition, offset }) => [partition, offset])
          expect(positions, groupId).toEqual(ends.map(({ partition, high }) => [partition, high]))
        }
      },
      { timeout: 120_000, interval: 100 },
    )
  } finally {
    await admin.disconnect()
  }
}
