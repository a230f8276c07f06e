import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const verbs = readdirSync(join(root, 'playbooks'))
  .filter(name => name.endsWith('.yml'))
  .map(name => name.slice(0, -'.yml'.length))
const document = readFileSync(join(root, 'docs/day2.md'), 'utf8')
const chapter = document.slice(document.indexOf('## What the plays do, and how that was tested'))
/** Of each play the cells of the first table that it stands in: a family has a column where the play connects to guests. */
const rows = new Map(
  [...chapter.matchAll(/^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| .*$/gm)]
    .flatMap(([line, names = '']) =>
      [...names.matchAll(/[a-z_]+/g)].map(([name]) => [name, line.split('|').map(cell => cell.trim())] as const),
    )
    .toReversed(),
)
const COLUMNS = { debian: 4, redhat: 5, suse: 6, image: 7, windows: 8 } as const
/** Cells of a row that has a column for each family. */
const WIDTH = 10
type Column = keyof typeof COLUMNS
/** Those of Linux that need nothing but the guest and what a stand-in can play: nowhere may they be left out. */
const PLAYED = ['onboard', 'configure', 'precheck', 'patch', 'reboot', 'verify', 'facts_report', 'preclean', 'packages']
PLAYED.push('services', 'hostname', 'ssh_keys', 'root_password', 'puppet_agent', 'dns')

/** What the tests of a family have in them, that of what they import beside them too. */
function testsOf(column: Column): string {
  const folder = join(root, 'test/guests')
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const whole = (name: string): string =>
    [read(name), ...[...read(name).matchAll(/from '\.\/(family-plays\.ts)'/g)].map(([, part = '']) => read(part))].join(
      '\n',
    )
  return readdirSync(folder)
    .filter(name => name.endsWith('.test.ts') && columnsOf(name, read(name)).includes(column))
    .map(whole)
    .join('\n')
}

/** A file may play on guests of several families at once. */
function columnsOf(name: string, text: string): readonly Column[] {
  if (name.startsWith('image-mode')) return ['image']
  if (name.startsWith('windows')) return ['windows']
  const families = (['redhat', 'suse'] as const).filter(family => new RegExp(`\\(${family}\\)`, 'i').test(text))
  return families.length === 0 || text.includes('./debian-package.ts') ? ['debian', ...families] : families
}

/** True of what is done from where Ansible runs: it is the same whatever the guest is, and one test is enough. */
function isElsewhere(verb: string): boolean {
  return rows.get(verb)?.[COLUMNS.debian]?.includes('asked from where Ansible runs') === true
}

test('every play stands in a table', () => {
  expect(verbs.filter(verb => !rows.has(verb))).toEqual([])
})

describe('check mode is held to the truth', () => {
  const isLooking = (verb: string): boolean => rows.get(verb)?.[2]?.includes('Changes nothing') === true
  const blocks = ['test/guests', 'test/integration']
    .flatMap(folder =>
      readdirSync(join(root, folder))
        .filter(name => name.endsWith('.test.ts'))
        .map(name => readFileSync(join(root, folder, name), 'utf8')),
    )
    .flatMap(text => text.split(/^(?=(?: *test|describe)(?:\.each)?\b)/m))

  test('by a test of every play that changes something: before it, and after it', () => {
    const changing = verbs.filter(verb => !isLooking(verb))
    expect(changing.length).toBeGreaterThan(20)
    const held = blocks.flatMap(block => {
      const [, named] = /await playTruly\(\s*(?:'([a-z_]+)'|verb),/.exec(block) ?? [null]
      if (named === null) return []
      return named === undefined ? verbs.filter(verb => block.includes(`'${verb}'`)) : [named]
    })
    expect(changing.filter(verb => !held.includes(verb))).toEqual([])
  })

  test('by a test of every play that only looks: it tells the same', () => {
    const looking = verbs.filter(isLooking)
    expect(looking).toEqual(['facts_report', 'precheck', 'verify'])
    const isHeld = (verb: string): boolean =>
      blocks.some(block => /play\(\s*'([a-z_]+)', \{[^}]*\bcheck \}/.exec(block)?.[1] === verb)
    expect(looking.filter(verb => !isHeld(verb))).toEqual([])
  })
})

describe.each(Object.keys(COLUMNS) as Column[])('of %s', column => {
  const told = verbs
    .filter(verb => rows.get(verb)?.length === WIDTH)
    .map(verb => ({ verb, how: rows.get(verb)?.[COLUMNS[column]] ?? '' }))
  const tests = testsOf(column)
  const isPlayed = (verb: string): boolean => tests.includes(`'${verb}'`) || tests.includes(`${verb.split('_')[0]}_\${`)

  test('what is told to be real, or played by a stand-in, is in a test', () => {
    // A row of several plays may name those that are meant.
    const meant = told.filter(({ verb, how }) => !how.includes('`') || how.includes(`\`${verb}\``))
    const played = meant.filter(
      ({ verb, how }) => /^(real|stand-in|the same)/.test(how) && !(how === 'the same' && isElsewhere(verb)),
    )
    expect(played.length).toBeGreaterThan(0)
    expect(played.filter(({ verb }) => !isPlayed(verb))).toEqual([])
  })

  test('what is told is told by one of the words that are explained', () => {
    expect(told.filter(({ how }) => !/^(real|stand-in|the same|–)/.test(how))).toEqual([])
  })
})

test.each(['debian', 'redhat', 'suse', 'image'] as const)('nothing that can be played is left out on %s', column => {
  const how = PLAYED.map(verb => [verb, rows.get(verb)?.[COLUMNS[column]] ?? ''] as const)
  expect(how.filter(([, said]) => !/^(real|stand-in|the same)/.test(said))).toEqual([])
})

test('a play that is not played on Windows says that it is for Linux alone, by which one is refused there, and no other says so', () => {
  const onGuests = verbs.filter(verb => rows.get(verb)?.length === WIDTH && !isElsewhere(verb))
  const isPlayed = (verb: string): boolean => {
    const how = rows.get(verb)?.[COLUMNS.windows] ?? ''
    return how !== '–' && (!how.includes('`') || how.includes(`\`${verb}\``))
  }
  const alone = onGuests.filter(verb =>
    readFileSync(join(root, `playbooks/${verb}.yml`), 'utf8').includes('verb_systems: [linux]'),
  )
  expect(alone.length).toBeGreaterThan(10)
  expect(alone).toEqual(onGuests.filter(verb => !isPlayed(verb)))
})
