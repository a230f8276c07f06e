import { type Client } from './client.ts'
import { fetchRaw } from './driver.ts'
import { readFetchResponse } from './fetch-response.ts'
import { lacks } from './missing-right.ts'
import { describeRight, type Right, rightsOf } from './rights.ts'
import { addPartitions } from './transaction.ts'

const TOPIC_AUTHORIZATION_FAILED = 29
/** No partition has it, so nothing is sent. */
const FAR = Number.MAX_SAFE_INTEGER
/** No producer has this id: its transaction is refused, but for want of rights first. */
const NOBODY = { producerId: -1n, producerEpoch: 0 }

/**
 * The rights to read and write that the bridge lacks on topics that are there, each in words. Leaves no trace and disturbs no
 * writer: the read is beyond the end, the write by a producer that there is not, and Kafka looks at rights before it looks at those.
 */
export async function missingRights(
  client: Client,
  prefix: string,
  topics: readonly string[],
): Promise<readonly string[]> {
  const transactionalId = `${prefix}.writer`
  await client.cluster.addMultipleTargetTopics(topics)
  const missing = new Set<Right>()
  const miss = (operation: Right['operation'], resource: Right['resource']): void => {
    const right = rightsOf(prefix).find(one => one.operation === operation && one.resource === resource)
    if (right !== undefined) missing.add(right)
  }
  for (const topic of topics) {
    const [first] = client.cluster.findTopicPartitionMetadata(topic)
    const broker = await client.cluster.findBroker({ nodeId: first?.leader ?? -1 })
    const partitions = [{ partition: first?.partitionId ?? 0, fetchOffset: FAR, maxBytes: 1 }]
    const read = { replicaId: -1, isolationLevel: 1, maxWaitTime: 0, minBytes: 0, maxBytes: 1 } as const
    const found = readFetchResponse(await fetchRaw(broker, { ...read, topics: [{ topic, partitions }] }), () => FAR)
    if (found.some(({ errorCode }) => errorCode === TOPIC_AUTHORIZATION_FAILED)) miss('Read', 'topic')
    try {
      await addPartitions(broker, { transactionalId, ...NOBODY }, [{ topic, partitions: [0] }])
    } catch (error) {
      if (lacks(error, 'topics')) miss('Write', 'topic')
      else if (lacks(error, 'transactional id')) miss('Write', 'transactional-id')
      // What else it says comes after the rights: that there is no such producer, or that another broker would know.
    }
  }
  return [...new Set([...missing].map(describeRight))]
}
