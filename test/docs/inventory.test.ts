import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hostVars, type Profile } from '../../src/inventory/index.ts'
import { guest } from '../day2/guest.ts'
import { page } from './documents.ts'

const PROFILES = ['slim', 'standard', 'full'] as const
const text = section('Variables')

/** What stands below a heading of the page, up to the next one. */
function section(heading: string): string {
  const [, below = ''] = page('docs/inventory.md').text.split(`\n### ${heading}\n`)
  return below.split(/\n##+ /)[0] ?? ''
}

/** The rows of the tables of a text, by their cells. */
function rowsOf(of: string): readonly (readonly string[])[] {
  return of
    .split('\n')
    .filter(line => /^\| *`/.test(line))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
}

function codeOf(cell = ''): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1] ?? '')
}

test.each(PROFILES)('the page of the inventory names every variable of the profile %s, and no other', profile => {
  const standing = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const
  const annotated = guest('web-1', { seen: { annotations: { owner: 'shop' } } })
  const told = (of: Profile): readonly string[] =>
    Object.keys(hostVars(annotated, standing, of)).filter(name => !name.startsWith('ansible_'))
  const smaller = PROFILES[PROFILES.indexOf(profile) - 1]
  const before = new Set(smaller === undefined ? [] : told(smaller))
  const own = told(profile).filter(name => !before.has(name))
  const named = rowsOf(text).filter(([, of]) => of === profile)
  expect(named.flatMap(([names]) => codeOf(names)).sort()).toEqual([...own].sort())
})

test('the page names the parts of each variable that has parts', () => {
  const standing = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const
  const vars = hostVars(guest('web-1'), standing, 'full')
  const missing = rowsOf(text).flatMap(([names, , what = '']) =>
    codeOf(names).flatMap(name =>
      partsOf(vars[name]).filter(part => name !== 'kubevirt_labels' && !codeOf(what).includes(part)),
    ),
  )
  expect(missing).toEqual([])
})

function partsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return partsOf(value[0])
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}

test('the page names the plays that read more of a host than the profile slim has', () => {
  const standing = { staleness: 'fresh', verbs: { onboard: '', patch: '' } } as const
  const slim = new Set(Object.keys(hostVars(guest('web-1'), standing, 'slim')))
  const roles = new URL('../../playbooks/roles/', import.meta.url)
  const files = readdirSync(roles, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.yml'))
  const more = files.filter(file => {
    const named = readFileSync(new URL(file, roles), 'utf8').match(/\bkubevirt_[a-z_]+/g) ?? []
    return named.some(name => Object.hasOwn(hostVars(guest('web-1'), standing, 'full'), name) && !slim.has(name))
  })
  const [, named = ''] = /our plays but (.*?) \|/.exec(section('Which profile')) ?? []
  expect([...new Set(more.map(file => file.split('/')[0] ?? ''))].sort()).toEqual([...codeOf(named)].sort())
})

test('the page names every reason why a host is not enabled, in the order in which they count', () => {
  const source = readFileSync(new URL('../../src/inventory/approach.ts', import.meta.url), 'utf8')
  const table = [...source.matchAll(/^ \* \| ([a-z ]+?) +\|/gm)].map(match => match[1]).filter(one => one !== 'reason')
  expect(rowsOf(section('Why a host is not enabled')).flatMap(([reason]) => codeOf(reason))).toEqual(table)
})

test('the page has every key of the configuration below inventory', () => {
  const schema = JSON.parse(readFileSync(new URL('../../schemas/config-v1.json', import.meta.url), 'utf8')) as Node
  const keys = new Set(keysBelow(schema.properties?.['inventory'] ?? {}))
  const { text: all } = page('docs/inventory.md')
  const missing = [...keys].filter(key => !new RegExp(`[\`{,. ]${key}[\`:. ]`, 'm').test(all))
  expect(keys.size).toBeGreaterThan(40)
  expect(missing).toEqual([])
})

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly [keyword: string]: unknown
}

function keysBelow({ properties = {}, items }: Node): readonly string[] {
  return [
    ...Object.entries(properties).flatMap(([key, below]) => [key, ...keysBelow(below)]),
    ...(items === undefined ? [] : keysBelow(items)),
  ]
}
