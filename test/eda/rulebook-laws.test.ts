import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { faultsOf } from './rule-laws.ts'
import type { Folder, RuleSet } from './rulebook-file.ts'
import { setFaultsOf, unknownKeys } from './rulebook-laws.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** A rulebook with something else in one place. */
function mutant(folder: Folder, file: string, what: string | RegExp, by: string): RuleSet {
  const text = readFileSync(join(ROOT, 'rulebooks', folder, file), 'utf8')
  const changed = text.replace(what, by)
  expect(changed, String(what)).not.toBe(text)
  return (parse(changed) as RuleSet[])[0] as RuleSet
}

test.each<[string, Folder, string, string | RegExp, string]>([
  [
    'its group is none that a user may read in',
    'ha',
    'eda-patch.yml',
    'group_id: virtbridge-eda-patch',
    'group_id: mine',
  ],
  ['its group is none that a user may read in', 'base', 'bridge-runs.yml', /group_id: .*/, ''],
  ['its first start begins with what is no news', 'ha', 'eda-patch.yml', 'offset: latest', 'offset: earliest'],
  ['one slow job holds up all others', 'aap26', 'eda-patch.yml', 'strategy: parallel', 'strategy: sequential'],
  ['a launch without a limit is on somebody', 'base', 'eda-patch.yml', /hosts: .*/, 'hosts: all'],
  ['its position moves on before an event is kept', 'ha', 'eda-patch.yml', 'feedback: true', 'feedback: "{{ yes }}"'],
  [
    'nobody finds what it launched: it has no label',
    'aap26',
    'bridge-guests.yml',
    'labels: [virtbridge]',
    'labels: []',
  ],
  ['a job that was launched before a crash is launched again', 'ha', 'bridge-runs.yml', /add_event_uuid_label: .*/, ''],
  ['two jobs work on one guest', 'ha', 'eda-configure.yml', 'lock: "vm-{{ event.body.data.vm.uid }}"', 'lock: vm'],
])('a rulebook of which must be said: %s, is found out in %s/%s', (fault, folder, file, what, by) => {
  expect(setFaultsOf(folder, file, mutant(folder, file, what, by))).toEqual([fault])
})

test.each<[string, Folder, string, string | RegExp, string]>([
  ['Patch a guest whose label asks for it: lock', 'base', 'eda-patch.yml', 'include_events: false', 'lock: x'],
  ['ansible.eda.kafka: feedback', 'aap26', 'bridge-runs.yml', 'offset: latest', 'feedback: true'],
  ['ansible.eda.kafka: topics', 'base', 'bridge-runs.yml', 'topic: virt', 'topics: virt'],
  ['source: filters', 'base', 'bridge-runs.yml', '    - name: virtbridge_runs', '    - name: x\n      filters: []'],
  [
    'rule set: match_multiple_rules',
    'ha',
    'bridge-runs.yml',
    'execution_strategy: parallel',
    'match_multiple_rules: true',
  ],
])(
  'a key that a version does not know, or that changes what all others mean, is found out: %s',
  (key, folder, file, what, by) => {
    expect(unknownKeys(folder, mutant(folder, file, what, by))).toEqual([key])
  },
)

test.each<[string, string, string | RegExp, string]>([
  ['it launches for what is no news', 'bridge-guests.yml', /\(event.body.data.origin in \["live", "sync"\]\) and /, ''],
  [
    'it launches for what is no news',
    'bridge-clusters.yml',
    / and \(event.body.data.origin in \["live", "sync"\]\)/,
    '',
  ],
  ['it launches in a burst', 'bridge-guests.yml', / and \(event.body.data.burst == false\)/, ''],
  ['it has no throttle', 'eda-offboard.yml', 'once_within: 15 minutes', 'once_within: 0 minutes'],
  [
    'its throttle takes several for one',
    'eda-offboard.yml',
    '- event.body.data.vm.uid',
    '- event.body.data.cluster.name',
  ],
  ['its throttle takes several for one', 'bridge-runs.yml', '- event.body.id', '- event.body.type'],
  [
    'its throttle is of a newer version',
    'eda-onboard.yml',
    'once_within: 15 minutes',
    'once_within: 15 minutes\n        threshold: 3',
  ],
  [
    'nobody can tell for what it was launched',
    'eda-patch.yml',
    'virtbridge_run_id: "eda-{{ event.body.id }}"',
    'virtbridge_run_id: eda',
  ],
  [
    'it does not say how many hosts it means',
    'eda-patch.yml',
    'virtbridge_expected_count: 1',
    'virtbridge_expected_count: 500',
  ],
  ['it hands the whole event on', 'bridge-runs.yml', 'include_events: false', 'include_events: true'],
  [
    'its limit is {{ event.body.data.host }}',
    'bridge-guests.yml',
    'limit: localhost',
    'limit: "{{ event.body.data.host }}"',
  ],
])('a rule of which must be said: %s, is found out in ha/%s', (fault, file, what, by) => {
  expect(mutant('ha', file, what, by).rules.flatMap(rule => faultsOf(file, rule))).toEqual([fault])
})
