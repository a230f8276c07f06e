import { type Keys, launchOf, type Rule } from './rulebook-file.ts'

/** Who may be launched on by each family: the host that the event is about, or nobody but the controller's own. */
const LIMITS = { eda: '{{ event.body.data.host }}', bridge: 'localhost' } as const
const PATTERN = 'match("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?[.][a-z0-9-]+[.][a-z0-9-]+(?!.|[^.])")'
const HOST = `event.body.data.host is ${PATTERN}`
const NEWS = 'event.body.data.origin in ["live", "sync"]'
/** By what a throttle may tell events apart: what else is the same of two guests would swallow the second. */
const APART = {
  'bridge-runs.yml': ['event.body.id'],
  'bridge-clusters.yml': ['event.body.id', 'event.body.data.cluster.name'],
} as Readonly<Record<string, readonly string[]>>

function throttleFaults(file: string, { throttle = {} }: Rule): readonly (readonly [boolean, string])[] {
  const {
    once_within: within,
    group_by_attributes: by,
    ...more
  } = throttle as {
    once_within?: string
    group_by_attributes?: readonly string[]
  }
  const known = APART[file] ?? ['event.body.id', 'event.body.data.vm.uid']
  return [
    [within === undefined || !/^[1-9]\d* (minutes?|hours?)$/.test(within), 'it has no throttle'],
    [by?.length !== 1 || !known.includes(by[0] ?? ''), 'its throttle takes several for one'],
    [Object.keys(more).length > 0, 'its throttle is of a newer version'],
  ]
}

/** What is wrong with a rule that launches, as the laws of this project have it; empty when all is well. */
export function faultsOf(file: string, rule: Rule): readonly string[] {
  const launch = launchOf(rule)
  if (launch === null) return []
  const family = file.startsWith('eda-') ? 'eda' : 'bridge'
  const { limit, extra_vars: variables } = (launch['job_args'] ?? {}) as { limit?: string; extra_vars?: Keys }
  const faults: (readonly [boolean, string])[] = [
    [limit !== LIMITS[family], `its limit is ${limit ?? 'left out'}`],
    [launch['include_events'] !== false, 'it hands the whole event on'],
    ...throttleFaults(file, rule),
  ]
  // Of a run there is no first sight, and no burst.
  if (!file.endsWith('-runs.yml')) faults.push([!rule.condition.includes(NEWS), 'it launches for what is no news'])
  if (!file.endsWith('-runs.yml') && !file.endsWith('-clusters.yml'))
    faults.push([!rule.condition.includes('event.body.data.burst == false'), 'it launches in a burst'])
  if (family === 'eda')
    faults.push(
      [!rule.condition.includes(HOST), 'it launches on a host whose name may be a pattern'],
      [variables?.['virtbridge_expected_count'] !== 1, 'it does not say how many hosts it means'],
      [variables?.['virtbridge_run_id'] !== 'eda-{{ event.body.id }}', 'nobody can tell for what it was launched'],
    )
  return faults.filter(([wrong]) => wrong).map(([, fault]) => fault)
}

/** What a rule about guests goes by, and what another says before it of a guest that does not meet that. */
function refusalsFor({ condition }: Rule): readonly (readonly [string, string])[] {
  const [, families] = /os\.family in (\[[^\]]*\])/.exec(condition) ?? []
  const [, running] = /vm\.status in (\[[^\]]*\])/.exec(condition) ?? []
  return [
    ['whose host name could be a pattern', `event.body.data.host is not ${PATTERN}`],
    ['whose labels were left out', 'event.body.data.trimmed contains "vm.labels"'],
    ...(families === undefined ? [] : ([['of another system', `os.family not in ${families}`]] as const)),
    // One that has just become reachable is; a stopped one need not be.
    ...(running === undefined ? [] : ([['that can not be reached', `status not in ${running}`]] as const)),
  ]
}

/** Guests that a rule of this file passes over without a word: no rule before it tells of them, at each event that it launches at. */
export function silencesOf(file: string, rules: readonly Rule[], rule: Rule): readonly string[] {
  if (launchOf(rule) === null || !file.startsWith('eda-')) return []
  const facts = rule.condition.match(/"io\.virtbridge\.vm\.[a-z_]+\.v1"/g) ?? []
  const tellers = rules.slice(0, rules.indexOf(rule)).filter(({ action }) => {
    const { msg } = (action['debug'] ?? {}) as { msg?: string }
    return msg?.includes('{{ event.body.subject }}')
  })
  return refusalsFor(rule)
    .filter(
      ([, words]) =>
        !facts.every(fact => tellers.some(({ condition }) => condition.includes(words) && condition.includes(fact))),
    )
    .map(([whom]) => `nobody is told of a guest ${whom}`)
}
