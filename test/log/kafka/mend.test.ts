import { expect, test } from 'vitest'
import { mendsOf } from '../../../src/log/kafka/mend.ts'
import { type FoundTopic, topicSpecs } from '../../../src/log/kafka/topics.ts'
import { planOf } from './place.ts'

const specs = topicSpecs(planOf("o'vb", 3, 2))
const TOOL = '--bootstrap-server "$BROKERS" --command-config admin.properties'

/** What is printed when the first topic is found so, and the others as they have to be. */
function mends(
  change: Partial<FoundTopic> | undefined,
  brokers = [1, 2, 3],
  others: Partial<FoundTopic> = {},
): readonly string[] {
  const compared = specs.map((spec, n) => {
    const settings = new Map(spec.settings.map(({ name, value }) => [name, value]))
    const well = {
      partitions: 2,
      replicas: 3,
      assignment: [
        [1, 2, 3],
        [2, 3, 1],
      ],
      settings,
    }
    if (n === 0) return { spec, found: change === undefined ? undefined : { ...well, ...change } }
    return { spec, found: { ...well, ...others } }
  })
  return mendsOf(compared, brokers)
}

test('nothing is wrong, nothing is printed', () => {
  expect(mends({})).toEqual([])
})

test('what is missing is made, after all else', () => {
  expect(mends(undefined)).toEqual(['virtbridge topics --create'])
  expect(mends(undefined, [1, 2, 3], { settings: new Map([['segment.ms', '1']]) }).at(-1)).toBe(
    'virtbridge topics --create',
  )
})

test('settings are set, all of a topic in one command, and its name is quoted', () => {
  const settings = new Map([
    ['retention.ms', '1000'],
    ['min.insync.replicas', '1'],
    ['max.message.bytes', '5000000'],
  ])
  expect(mends({ settings })).toEqual([
    `kafka-configs.sh ${TOOL} --alter --entity-type topics --entity-name 'o'\\''vb.events.vm' --add-config min.insync.replicas=2,retention.ms=604800000`,
  ])
})

test('partitions are added to a topic that has fewer than the others', () => {
  expect(mends({ partitions: 1 })).toEqual([
    `kafka-topics.sh ${TOOL} --alter --topic 'o'\\''vb.events.vm' --partitions 2`,
  ])
})

test('a topic that has more than the others is made anew, and what that costs is said', () => {
  expect(mends({ partitions: 4 })).toEqual([
    expect.stringMatching(/^# .* this loses what o'vb\.events\.vm holds/),
    `kafka-topics.sh ${TOOL} --delete --topic 'o'\\''vb.events.vm'`,
    'virtbridge topics --create',
  ])
})

test('when all have another number it is the configuration that is wrong', () => {
  expect(mends({ partitions: 12 }, [1, 2, 3], { partitions: 12 })).toEqual([
    expect.stringMatching(/^# log\.kafka\.partitions: 12/),
  ])
})

test('replicas are added on brokers that have none, spread over them; who leads stays', () => {
  const [line = ''] = mends({ replicas: 1, assignment: [[2], [3]] }, [1, 2, 3, 4])
  const [, json = ''] =
    /^echo '(.*)' \| kafka-reassign-partitions\.sh .* --execute$/.exec(line.replaceAll(`'\\''`, '’')) ?? []
  const { partitions } = JSON.parse(json) as { partitions: { replicas: number[] }[] }
  expect(partitions.map(({ replicas }) => replicas)).toEqual([
    [2, 1, 3],
    [3, 2, 4],
  ])
})

test('where there are too few brokers for that, the configuration has to ask for fewer', () => {
  expect(mends({ replicas: 1, assignment: [[1], [1]] }, [1])).toEqual([
    expect.stringMatching(/^# log\.kafka\.replicas: 1,/),
  ])
})
