import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { publishedRulebooks } from '../../build/rulebooks.ts'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'
import { faultsOf, FOLDERS, launchOf, type Rule, ruleSets, silencesOf } from './rulebook-file.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const documents = readObjectFiles(new URL('../../deploy/aap/', import.meta.url)) as Readonly<Record<string, unknown>>[]
const templates = documents.flatMap(
  document => (document['controller_templates'] ?? []) as { name: string; [prompt: string]: unknown }[],
)

/** What each version knows beyond what all know: one key too many, and it refuses the whole rulebook. */
const NEW_KEYS = {
  base: [],
  aap26: ['lock', 'labels'],
  ha: ['lock', 'labels', 'add_event_uuid_label'],
} as const
const OLD_KEYS = ['name', 'organization', 'job_args', 'include_events', 'retries', 'delay']

const all = FOLDERS.flatMap(folder =>
  [...ruleSets(folder)].flatMap(([file, { rules }]) =>
    rules.map(rule => ({ folder, file, rules, rule, name: rule.name })),
  ),
)
const launching = all.filter(({ rule }) => launchOf(rule) !== null)

test('the rulebooks for older versions are those for the newest, without what they do not know: node build/rulebooks.ts makes them', () => {
  for (const [file, content] of publishedRulebooks(ROOT)) expect(readFileSync(file, 'utf8'), file).toBe(content)
})

describe.each(launching)('$folder/$file: $name', ({ folder, file, rules, rule }) => {
  test('launches on the one host that its event is about, or on none; once; and for news alone', () => {
    expect(faultsOf(file, rule)).toEqual([])
  })

  test('passes over no guest that it could not name, read or run on without a word', () => {
    expect(silencesOf(file, rules, rule)).toEqual([])
  })

  test('has no key that its version does not know', () => {
    const known = new Set<string>([...OLD_KEYS, ...NEW_KEYS[folder]])
    expect(Object.keys(launchOf(rule) ?? {}).filter(key => !known.has(key))).toEqual([])
  })

  test('names a template that deploy/aap has, with the prompts that it needs', () => {
    const template = templates.find(({ name }) => name === launchOf(rule)?.['name'])
    const prompts = { ask_variables_on_launch: true, ask_labels_on_launch: true }
    // Who tells people reaches no guest, and has no use for a limit.
    const limit = file.startsWith('eda-') ? { ask_limit_on_launch: true } : { inventory: 'virtbridge localhost' }
    expect(template).toMatchObject({ ...prompts, ...limit })
  })
})

test.each(all)(
  '$folder/$file: $name: no path of it is read as a sum or a quotient, and no and stands beside an or',
  ({ rule }) => {
    let bare = rule.condition.replaceAll(/"[^"]*"/g, '""')
    expect(bare).not.toMatch(/[-/]/)
    // From the inmost parentheses on.
    for (let left = ''; left !== bare;) {
      left = bare
      for (const [part] of bare.matchAll(/\([^()]*\)|^[^()]*$/g))
        expect(part).not.toMatch(/\bor\b.*\band\b|\band\b.*\bor\b/)
      bare = bare.replaceAll(/\([^()]*\)/g, '')
    }
  },
)

test('a rule without the refusals before it is found out', () => {
  const found = launching.find(({ folder, file }) => folder === 'ha' && file === 'eda-onboard.yml')
  if (found === undefined) throw new Error('no rule onboards')
  const { file, rules, rule } = found
  const without = (words: string): readonly string[] =>
    silencesOf(
      file,
      rules.filter(({ condition }) => !condition.includes(words)),
      rule,
    )
  expect(without('host is not match')).toEqual(['nobody is told of a guest whose host name could be a pattern'])
  expect(without('trimmed contains')).toEqual(['nobody is told of a guest whose labels were left out'])
  expect(without('os.family not in')).toEqual(['nobody is told of a guest of another system'])
  expect(silencesOf(file, [...rules].toReversed(), rule)).toHaveLength(3)
})

test('a rule whose limit is left out, is everybody, or is what a guest says, is found out', () => {
  const good = launching.find(({ file }) => file === 'eda-patch.yml')?.rule
  if (good === undefined) throw new Error('no rule patches')
  const launch = launchOf(good) ?? {}
  const broken = (limit: string | undefined): Rule => ({
    ...good,
    action: { run_job_template: { ...launch, job_args: { ...(launch['job_args'] as object), limit } } },
  })
  expect(faultsOf('eda-patch.yml', good)).toEqual([])
  expect(faultsOf('eda-patch.yml', broken(undefined))).toEqual(['its limit is left out'])
  expect(faultsOf('eda-patch.yml', broken('all'))).toEqual(['its limit is all'])
  expect(faultsOf('eda-patch.yml', broken('{{ event.body.data.vm.name }}'))).toHaveLength(1)
  const careless = { ...good, condition: 'event.body.type == "io.virtbridge.vm.labels_changed.v1"' }
  expect(faultsOf('eda-patch.yml', careless)).toHaveLength(3)
})

test('each thing that people are told of has words in the play that tells it', () => {
  const [play] = parse(readFileSync(join(ROOT, 'playbooks', 'rulebooks', 'notify.yml'), 'utf8')) as {
    vars: { __notify_titles: Readonly<Record<string, string>> }
  }[]
  const told = launching.flatMap(({ rule }) => {
    const { extra_vars: variables } = (launchOf(rule)?.['job_args'] ?? {}) as { extra_vars?: { notify_what?: string } }
    return variables?.notify_what ?? []
  })
  expect([...new Set(told)].toSorted()).toEqual(Object.keys(play?.vars.__notify_titles ?? {}).toSorted())
})

test('no event makes both families do the same: the one launches verbs, the other only tells people', () => {
  const launched = (family: string): readonly string[] => {
    const rules = launching.filter(({ file }) => file.startsWith(family)).map(({ rule }) => rule)
    return [...new Set(rules.map(rule => String(launchOf(rule)?.['name'])))].toSorted()
  }
  expect(launched('bridge-')).toEqual(['Rulebooks | Notify'])
  expect(launched('eda-')).toEqual(['Day2 | Configure', 'Day2 | Offboard', 'Day2 | Onboard', 'Day2 | Patch'])
  expect(new Set(all.map(({ file }) => file.split('-')[0]))).toEqual(new Set(['bridge', 'eda']))
})

describe.each(FOLDERS)('each rulebook of %s', folder => {
  const sets = [...ruleSets(folder).values()]
  test('has a consumer group and a source of its own, which are those of the other versions', () => {
    const sources = sets.map(({ sources: [source] }) => source ?? {})
    const groups = sources.map(source => (source['ansible.eda.kafka'] as { group_id?: string }).group_id)
    expect(new Set(groups).size).toBe(sets.length)
    expect(new Set(sources.map(({ name }) => name)).size).toBe(sets.length)
    const newest = [...ruleSets('ha').values()].map(({ sources: [source] }) => source?.['ansible.eda.kafka'])
    expect(newest.map(one => (one as { group_id?: string }).group_id)).toEqual(groups)
  })

  test('launches on nobody where a rule were to say nothing', () => {
    expect(new Set(sets.map(set => set['hosts']))).toEqual(new Set(['virtbridge-no-default-limit']))
  })
})
