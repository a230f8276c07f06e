import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { publishedRulebooks } from '../../build/rulebooks.ts'
import { readObjectFiles } from '../../src/simulator/controller/index.ts'
import { page } from '../docs/documents.ts'
import { faultsOf, silencesOf } from './rule-laws.ts'
import { FOLDERS, launchOf, type Rule, ruleSets } from './rulebook-file.ts'
import { setFaultsOf, unknownKeys } from './rulebook-laws.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const documents = readObjectFiles(new URL('../../deploy/aap/', import.meta.url)) as Readonly<Record<string, unknown>>[]
const templates = documents.flatMap(
  document => (document['controller_templates'] ?? []) as { name: string; [prompt: string]: unknown }[],
)

const all = FOLDERS.flatMap(folder =>
  [...ruleSets(folder)].flatMap(([file, { rules }]) =>
    rules.map(rule => ({ folder, file, rules, rule, name: rule.name })),
  ),
)
const launching = all.filter(({ rule }) => launchOf(rule) !== null)

test('the rulebooks for older versions are those for the newest, without what they do not know: node build/rulebooks.ts makes them', () => {
  for (const [file, content] of publishedRulebooks(ROOT)) expect(readFileSync(file, 'utf8'), file).toBe(content)
})

describe.each(launching)('$folder/$file: $name', ({ file, rules, rule }) => {
  test('launches on the one host that its event is about, or on none; once; and for news alone', () => {
    expect(faultsOf(file, rule)).toEqual([])
  })

  test('passes over no guest that it could not name, read or run on without a word', () => {
    expect(silencesOf(file, rules, rule)).toEqual([])
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
  const labelled = rules.find(({ name }) => name === 'Onboard a guest that is labelled while it is reachable')
  const told = rules.filter(({ condition }) => !condition.includes('status not in'))
  expect(silencesOf(file, told, labelled ?? rule)).toEqual(['nobody is told of a guest that can not be reached'])
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

  test('has no key that its version does not know, and all that it needs of those that it does', () => {
    for (const [file, set] of ruleSets(folder)) {
      expect(unknownKeys(folder, set), file).toEqual([])
      expect(setFaultsOf(folder, file, set), file).toEqual([])
    }
  })

  test('has the group and the topic of which eda.md says how to give it its first position', () => {
    const lines = page('docs/eda.md')
      .text.split('\n')
      .filter(line => line.trim().startsWith('$first '))
    const said = lines.flatMap(line => {
      const [, topic = ''] = /--topic (\S+)/.exec(line) ?? []
      return [...line.matchAll(/--group (\S+)/g)].map(([, group = '']) => `${topic} ${group}`)
    })
    const had = sets.map(({ sources: [source = {}] }) => {
      const { topic, group_id: group } = source['ansible.eda.kafka'] as { topic: string; group_id: string }
      return `${topic} ${group}`
    })
    expect(said.toSorted()).toEqual(had.toSorted())
  })
})
