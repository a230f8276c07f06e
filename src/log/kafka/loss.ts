import type { Loss } from '../log.ts'
import type { Mark, Survey } from './survey.ts'
import { STREAMS, topicOf } from './topics.ts'

/** Partitions that are named in one sentence; of more their number is told. */
const NAMED = 5

/**
 * What is gone of a log, by what lies in its topics. Pure. Losses that were found before and not confirmed are still told; one that is
 * found again is another.
 *
 * | the newest claim            | and                                            | what is gone              |
 * |-----------------------------|------------------------------------------------|---------------------------|
 * | there is none               | nothing was ever written                       | nothing: it is new        |
 * | there is none               | something was                                  | both state streams        |
 * | is not in a state partition | -                                              | that stream               |
 * | has another start for it    | it begins later now                            | that stream               |
 * | has an end for a partition  | it ends before that, whatever its stream is    | that stream               |
 */
export function lossesOf(
  { claim, marks, short, used }: Survey,
  around: { readonly prefix: string; readonly now: number; readonly newId: () => string },
): readonly Loss[] {
  const known = claim?.losses ?? []
  if (!used) return known
  return STREAMS.flatMap(stream => {
    const reasons = [
      ...emptied(marks.filter(mark => mark.stream === stream)),
      ...cut(marks.filter(mark => mark.stream === stream)),
      ...short
        .filter(one => one.stream === stream)
        .map(({ partition, reached, end }) => `partition ${partition} reached ${reached} and ends at ${end}`),
    ]
    if (reasons.length === 0) return known.filter(loss => loss.stream === stream)
    const more = reasons.length > NAMED ? [`and ${reasons.length - NAMED} more like it`] : []
    const what = [...reasons.slice(0, NAMED), ...more].join('; ')
    return [
      { id: around.newId(), stream, reason: `${topicOf(around.prefix, stream)} lost records: ${what}`, at: around.now },
    ]
  })
}

/** Partitions without the claim that all have: made anew, or emptied. */
function emptied(marks: readonly Mark[]): readonly string[] {
  const without = marks.filter(({ claim }) => claim === null).map(({ partition }) => partition)
  if (without.length === 0) return []
  if (without.length === marks.length) return ['it was made anew or emptied']
  return [`${without.length === 1 ? 'partition' : 'partitions'} ${listed(without)} made anew or emptied`]
}

/** Partitions of which the beginning was deleted: compaction leaves the place where it was. */
function cut(marks: readonly Mark[]): readonly string[] {
  return marks.flatMap(({ partition, start, claim }) => {
    const began = claim?.reached?.start ?? start
    return start > began ? [`partition ${partition} began at ${began} and begins at ${start}`] : []
  })
}

function listed(partitions: readonly number[]): string {
  const more = partitions.length > NAMED ? ` and ${partitions.length - NAMED} more` : ''
  return `${partitions.slice(0, NAMED).join(', ')}${more}`
}
