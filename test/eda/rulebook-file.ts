import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const ROOT = join(import.meta.dirname, '..', '..', 'rulebooks')

export const FOLDERS = ['base', 'aap26', 'ha'] as const
export type Folder = (typeof FOLDERS)[number]

export type Keys = Readonly<Record<string, unknown>>

/** A rule set as it is written. */
export interface RuleSet extends Keys {
  readonly name: string
  readonly sources: readonly Keys[]
  readonly rules: readonly Rule[]
}

export interface Rule extends Keys {
  readonly name: string
  readonly condition: string
  readonly throttle?: Keys
  readonly action: Readonly<Record<string, Keys | null>>
}

/** Every rule set of a folder, by the name of its file. */
export function ruleSets(folder: Folder): ReadonlyMap<string, RuleSet> {
  const names = readdirSync(join(ROOT, folder)).filter(name => name.endsWith('.yml'))
  return new Map(
    names.map(name => {
      const sets = parse(readFileSync(join(ROOT, folder, name), 'utf8')) as RuleSet[]
      const [only] = sets
      if (only === undefined || sets.length !== 1) throw new Error(`${folder}/${name} is not one rule set`)
      return [name, only]
    }),
  )
}

/** What a rule launches; null when it launches nothing. */
export function launchOf(rule: Rule): Keys | null {
  return rule.action['run_job_template'] ?? null
}

/** Who may be launched on by each family: the host that the event is about, or nobody but the controller's own. */
const LIMITS = { eda: '{{ event.body.data.host }}', bridge: 'localhost' } as const
const PATTERN = 'match("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?[.][a-z0-9-]+[.][a-z0-9-]+(?!.|[^.])")'
const HOST = `event.body.data.host is ${PATTERN}`

/** What is wrong with a rule that launches, as the laws of this project have it; empty when all is well. */
export function faultsOf(file: string, rule: Rule): readonly string[] {
  const launch = launchOf(rule)
  if (launch === null) return []
  const family = file.startsWith('eda-') ? 'eda' : 'bridge'
  const { limit, extra_vars: variables } = (launch['job_args'] ?? {}) as { limit?: string; extra_vars?: Keys }
  const faults: (readonly [boolean, string])[] = [
    [limit !== LIMITS[family], `its limit is ${limit ?? 'left out'}`],
    [launch['include_events'] !== false, 'it hands the whole event on'],
    [rule.throttle === undefined, 'it has no throttle'],
  ]
  if (family === 'eda')
    faults.push(
      [!rule.condition.includes(HOST), 'it launches on a host whose name may be a pattern'],
      [!rule.condition.includes('event.body.data.origin in ["live", "sync"]'), 'it launches for what is no news'],
      [!rule.condition.includes('event.body.data.burst == false'), 'it launches in a burst'],
      [variables?.['virtbridge_expected_count'] !== 1, 'it does not say how many hosts it means'],
      [variables?.['virtbridge_run_id'] !== 'eda-{{ event.body.id }}', 'nobody can tell for what it was launched'],
    )
  return faults.filter(([wrong]) => wrong).map(([, fault]) => fault)
}

/** What a rule about guests goes by, and what another says before it of a guest that does not meet that. */
function refusalsFor({ condition }: Rule): readonly (readonly [string, string])[] {
  const [, families] = /os\.family in (\[[^\]]*\])/.exec(condition) ?? []
  return [
    ['whose host name could be a pattern', `event.body.data.host is not ${PATTERN}`],
    ['whose labels were left out', 'event.body.data.trimmed contains "vm.labels"'],
    ...(families === undefined ? [] : ([['of another system', `os.family not in ${families}`]] as const)),
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
