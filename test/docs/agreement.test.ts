import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/index.ts'
import { EXIT } from '../../src/cli/exit.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { page, ROOT } from './documents.ts'

/** Matches of a pattern's first group in every file of src, each once. */
function inSource(pattern: RegExp): readonly string[] {
  const found = globSync('src/**/*.ts', { cwd: ROOT }).flatMap(file =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(pattern)].map(match => match[1] ?? ''),
  )
  return [...new Set(found)].sort()
}

const operations = page('docs/operations.md')

test('operations.md has every code of a fault', () => {
  const kinds = inSource(/new ControllerError\(\s*'([a-z_]+)'/g).map(kind => `controller_${kind}`)
  const codes = [...inSource(/new Fault\(\s*'([a-z_]+)'/g), ...kinds]
  expect(codes).toContain('log_held')
  expect(codes.filter(code => !operations.code.includes(code))).toEqual([])
})

test('operations.md has every code that the API answers', () => {
  const codes = inSource(/new Problem\(\s*\d{3},\s*'([a-z_]+)'/g)
  expect(codes).toContain('not_synced')
  expect(codes.filter(code => !operations.code.includes(code))).toEqual([])
})

test('operations.md names the metrics of virtbridge, and no other', async () => {
  const metrics = await createMetrics().registry.getMetricsAsJSON()
  const ours = metrics.map(metric => metric.name).filter(name => name.startsWith('virtbridge_'))
  expect(operations.code.filter(span => /^virtbridge_[a-z_]+$/.test(span)).sort()).toEqual(ours.sort())
})

test('dependencies.md has a line for every dependency, and for nothing else', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >
  const heads = [...page('docs/decisions/dependencies.md').text.matchAll(/^\| (`[^|]+`) \|/gm)].map(match => match[1])
  const named = heads.flatMap(head => [...(head ?? '').matchAll(/`([^`]+)`/g)].map(match => match[1] ?? ''))
  expect(named.sort()).toEqual([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)].sort())
})

test('the configuration of the README is a valid one', () => {
  const [, yaml = ''] = /```yaml\n(# virtbridge.yaml\n[\s\S]*?)```/.exec(page('README.md').text) ?? []
  const config = parseConfig(yaml, 'virtbridge.yaml')
  expect(config.clusters.map(cluster => cluster.name)).toEqual(['prod-1'])
  expect(config.verbs.onboard.template).toBe('Day2 | Onboard')
})

test.each([
  ['README.md', 'README.md', /Exit codes: ([\s\S]*?)\n\n/],
  ['configuration.md', 'docs/configuration.md', /## Exit codes\n\n([\s\S]*)/],
  ['the help of the program', 'src/cli/program.ts', /Exit codes: ([\s\S]*?)\n\n/],
])('%s tells every exit code', (_, file, where) => {
  const [, told = ''] = where.exec(readFileSync(join(ROOT, file), 'utf8')) ?? []
  expect(Object.values(EXIT).filter(code => !new RegExp(`(^|\\D)${code} `).test(told))).toEqual([])
})

test('the README names the command of the tests', () => {
  expect(page('README.md').text).toContain('npm ci && npm test')
})

/** Paths below src or test that a text names. */
function pathsIn(text: string): readonly string[] {
  return [...text.matchAll(/`((?:src|test)\/[^`]*)`/g)].map(match => match[1] ?? '')
}

test('where dependencies.md says that a package of the program is used, it is', () => {
  const rows = [...page('docs/decisions/dependencies.md').text.matchAll(/^\| `([^`|]+)` \| ([^|]+) \|/gm)]
  const claims = rows.flatMap(([, name = '', use = '']) => pathsIn(use).map(path => ({ name, path })))
  const unused = claims.filter(({ name, path }) => {
    const files = path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.ts`, { cwd: ROOT })
    return !files.some(file => readFileSync(join(ROOT, file), 'utf8').includes(`'${name}`))
  })
  expect(claims.length).toBeGreaterThan(10)
  expect(unused).toEqual([])
})

test('the page of the laws numbers them as their tests do, and no text names one that is not there', () => {
  const numbers = [...page('docs/laws.md').text.matchAll(/^(\d+)\. \*\*/gm)].map(match => Number(match[1]))
  const tested = globSync('test/laws/law-*.test.ts', { cwd: ROOT }).map(file => Number(/law-(\d+)-/.exec(file)?.[1]))
  expect(numbers).toEqual(Array.from({ length: 13 }, (_, index) => index + 1))
  expect([...new Set(tested)].sort((a, b) => a - b)).toEqual(numbers)
  const named = globSync(['docs/**/*.md', 'src/**/*.ts'], { cwd: ROOT }).flatMap(file =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\blaw (\d+)\b/gi)].map(match => Number(match[1])),
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter(number => !numbers.includes(number))).toEqual([])
})
