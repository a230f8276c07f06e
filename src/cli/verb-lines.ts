import type { Chance, Explanation, Holding } from '../day2/index.ts'

/**
 * What verbs would come to on a VM now, for people: those for which something else holds than `launch` says, a line for each reason.
 * `mark` writes yes and no.
 */
export function chanceLines(
  { launch, can }: Pick<Explanation, 'launch' | 'can'>,
  mark: (yes: boolean) => string,
): readonly string[] {
  const isSame = ({ possible, because }: Omit<Chance, 'verb' | 'needs'>): boolean =>
    possible === launch.possible && (possible || because === launch.because)
  const byReason = Map.groupBy(
    can.filter(chance => !isSame(chance)),
    ({ because }) => because,
  )
  return [...byReason].map(([because, chances]) => {
    const names = chances.map(({ verb }) => verb).join(', ')
    return `  except        ${names}: ${mark(chances.every(({ possible }) => possible))}: ${because}`
  })
}

/** Which run has a VM now, for people; nothing when none has. */
export function holdingLine(held: Holding | null): readonly string[] {
  if (held === null) return []
  const { run, verb, template, status, asked_by, job, since, step = '' } = held
  if (run === '') return [`held by         another run, ${status} since ${since}`]
  const at = job === null ? status : `${status} (job ${job})`
  const what = `${verb || template}${step === '' ? '' : `, step ${step},`}`
  return [`held by         run ${run}: ${what} by ${asked_by}, ${at} since ${since}`]
}
