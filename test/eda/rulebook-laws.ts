import { type Folder, type Keys, launchOf, type RuleSet } from './rulebook-file.ts'

/** What each generation knows, by where it stands: one key too many, and ansible-rulebook refuses the whole rulebook. */
const KEYS = {
  set: ['name', 'hosts', 'execution_strategy', 'sources', 'rules'],
  source: ['name', 'ansible.eda.kafka'],
  rule: ['name', 'condition', 'throttle', 'action'],
  launch: ['name', 'organization', 'job_args', 'include_events', 'retries', 'delay'],
  // Those that the ansible.eda of every generation has.
  kafka:
    'host port topic group_id offset security_protocol cafile sasl_mechanism sasl_plain_username sasl_plain_password'.split(
      ' ',
    ),
} as const
const NEWER = {
  base: { launch: [], kafka: [] },
  aap26: { launch: ['lock', 'labels'], kafka: [] },
  ha: { launch: ['lock', 'labels', 'add_event_uuid_label'], kafka: ['feedback', 'feedback_timeout'] },
} as const

/** Keys of a rule set that the versions that its folder is for do not know, each with where it stands. */
export function unknownKeys(folder: Folder, set: RuleSet): readonly string[] {
  const launch: readonly string[] = [...KEYS.launch, ...NEWER[folder].launch]
  const kafka: readonly string[] = [...KEYS.kafka, ...NEWER[folder].kafka]
  const of = (where: string, keys: Keys | null, known: readonly string[]): readonly string[] =>
    Object.keys(keys ?? {}).flatMap(key => (known.includes(key) ? [] : [`${where}: ${key}`]))
  return [
    ...of('rule set', set, KEYS.set),
    ...set.sources.flatMap(source => of('source', source, KEYS.source)),
    ...set.sources.flatMap(source => of('ansible.eda.kafka', source['ansible.eda.kafka'] as Keys, kafka)),
    ...set.rules.flatMap(rule => of(rule.name, rule, KEYS.rule)),
    ...set.rules.flatMap(rule => of(rule.name, launchOf(rule), launch)),
    ...set.rules.flatMap(({ name, action }) => of(name, action, ['none', 'debug', 'run_job_template'])),
  ]
}

/** What is missing of a rule set that its generation offers, or is not as all of them have it; empty when all is well. */
export function setFaultsOf(folder: Folder, file: string, set: RuleSet): readonly string[] {
  const [source = {}, ...others] = set.sources
  const kafka = source['ansible.eda.kafka'] as Keys
  const launches = set.rules.map(launchOf).filter(launch => launch !== null)
  const newer = folder !== 'base'
  const faults: (readonly [boolean, string])[] = [
    [others.length > 0, 'two sources share one fate'],
    [!/^virtbridge-eda-[a-z]+$/.test(String(kafka['group_id'])), 'its group is none that a user may read in'],
    [kafka['offset'] !== 'latest', 'its first start begins with what is no news'],
    [set['execution_strategy'] !== 'parallel', 'one slow job holds up all others'],
    [set['hosts'] !== 'virtbridge-no-default-limit', 'a launch without a limit is on somebody'],
    // A template there would be true whatever it says.
    [(kafka['feedback'] === true) !== (folder === 'ha'), 'its position moves on before an event is kept'],
    [newer && launches.some(({ labels }) => !isVirtbridge(labels)), 'nobody finds what it launched: it has no label'],
    [
      folder === 'ha' && launches.some(launch => launch['add_event_uuid_label'] !== true),
      'a job that was launched before a crash is launched again',
    ],
    [
      newer && file.startsWith('eda-') && launches.some(({ lock }) => lock !== 'vm-{{ event.body.data.vm.uid }}'),
      'two jobs work on one guest',
    ],
  ]
  return faults.filter(([wrong]) => wrong).map(([, fault]) => fault)
}

function isVirtbridge(labels: unknown): boolean {
  return Array.isArray(labels) && labels.length === 1 && labels[0] === 'virtbridge'
}
