import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', 'src')

/** Importable by all: what clocks, faults, turns, waits and whole numbers look like. */
const COMMON = ['clocks.ts', 'errors.ts', 'template.ts', 'turns.ts', 'waiting.ts', 'whole-number.ts']

/** Compose the others, and so see all; none but they may import them. */
const ROOTS = ['cli', 'check', 'demo', 'service']

/** The roles, each a folder in `service`: one may run without the others, so none knows another. */
const ROLES = ['watch', 'serve', 'dispatch']

/** Which folders of src each may import from. The other files right in src compose, as ROOTS do. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  telemetry: [],
  expression: [],
  config: ['expression'],
  event: [],
  log: [],
  kube: [],
  aap: [],
  simulator: [],
  vm: ['event'],
  cluster: ['kube', 'vm', 'event', 'log'],
  fleet: ['cluster', 'vm', 'log'],
  inventory: ['cluster', 'expression', 'fleet', 'vm'],
  day2: ['aap', 'cluster', 'event', 'fleet', 'inventory', 'log', 'vm'],
  http: ['telemetry', 'event', 'log', 'vm', 'cluster', 'fleet', 'inventory', 'day2'],
}

/** Files by path below src, with their text. */
type Tree = Readonly<Record<string, string>>

/** Imports that no arrow allows: `vm/change.ts → log/log.ts`. */
function forbidden(tree: Tree): readonly string[] {
  return Object.entries(tree).flatMap(([file, text]) =>
    importsOf(file, text)
      .filter(to => !isAllowed(partOf(file), partOf(to)))
      .map(to => `${file} → ${to}`),
  )
}

/** The relative imports and exports of a file, also those of types and those that wait. */
function importsOf(file: string, text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const found = [...code.matchAll(/(?:\bfrom|\bimport|\bimport\s*\()\s*['"](\.[^'"]+)['"]/g)]
  return found.map(match => normalize(join(dirname(file), match[1] ?? '')))
}

/** A folder of src, or a file right in it. */
function partOf(file: string): string {
  return file.split('/')[0] ?? ''
}

function isAllowed(from: string, to: string): boolean {
  if (from === to || COMMON.includes(to)) return true
  if (COMMON.includes(from)) return false
  return isRoot(from) || (ARROWS[from] ?? []).includes(to)
}

function isRoot(part: string): boolean {
  return ROOTS.includes(part) || part.endsWith('.ts')
}

function source(): Tree {
  return Object.fromEntries(
    globSync('**/*.ts', { cwd: ROOT }).map(file => [file, readFileSync(join(ROOT, file), 'utf8')]),
  )
}

test('the folders of src import one another only along the arrows', () => {
  expect(forbidden(source())).toEqual([])
})

test('no role imports another, and what they share imports none of them', () => {
  const roleOf = (file: string) => ROLES.find(role => file.startsWith(`service/${role}/`))
  const shared = (file: string) => /^service\/[^/]+$/.test(file)
  const found = Object.entries(source()).flatMap(([file, text]) =>
    importsOf(file, text)
      .filter(to => roleOf(to) !== undefined && (shared(file) || ![undefined, roleOf(to)].includes(roleOf(file))))
      .map(to => `${file} → ${to}`),
  )
  expect(found).toEqual([])
  for (const role of ROLES) expect(Object.keys(source())).toContain(`service/${role}/${role}.ts`)
})

test('every folder of src has its arrows, and no arrow is of a folder that is not there', () => {
  const folders = new Set(
    Object.keys(source())
      .map(partOf)
      .filter(part => !part.endsWith('.ts')),
  )
  expect([...folders].sort()).toEqual([...Object.keys(ARROWS), ...ROOTS].sort())
})

test('the page of the architecture has these arrows, and every file right in src or of the service', () => {
  const page = readFileSync(join(ROOT, '..', 'docs', 'architecture.md'), 'utf8')
  const roots = tableOf(page, '| file | what it does |').flatMap(row => row.flatMap(cell => namesIn(cell)))
  const files = globSync(['*.ts', 'service/**/*.ts'], { cwd: ROOT }).map(file => basename(file))
  expect(roots.filter(name => /^[a-z-]+\.ts$/.test(name)).sort()).toEqual(files.sort())
  const told = tableOf(page, '| folder | may import |').flatMap(([folders = '', may = '']) =>
    namesIn(folders).map(folder => [folder, namesIn(may).toSorted()] as const),
  )
  expect(Object.fromEntries(told)).toEqual(
    Object.fromEntries(Object.entries(ARROWS).map(([folder, to]) => [folder, [...to].sort()])),
  )
})

/** The rows of the table with this head, by their cells. */
function tableOf(page: string, head: string): readonly (readonly string[])[] {
  const [, below = ''] = page.split(head)
  const [table = ''] = below.split('\n\n')
  return table
    .split('\n')
    .filter(line => line.startsWith('| '))
    .map(line => line.split('|').slice(1, -1))
}

/** What stands between backticks. */
function namesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}

/** The first circle of imports, file by file; none when there is none. */
function circleIn(tree: Tree): readonly string[] {
  const done = new Set<string>()
  const walk = (file: string, path: readonly string[]): readonly string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file) || tree[file] === undefined) return []
    for (const next of importsOf(file, tree[file])) {
      const found = walk(next, [...path, file])
      if (found.length > 0) return found
    }
    done.add(file)
    return []
  }
  for (const file of Object.keys(tree)) {
    const found = walk(file, [])
    if (found.length > 0) return found
  }
  return []
}

test('no files import one another in a circle, not even for a type', () => {
  expect(circleIn(source())).toEqual([])
  const circle = {
    'vm/a.ts': "import type { B } from './b.ts'",
    'vm/b.ts': "import { c } from './c.ts'",
    'vm/c.ts': "import type { A } from './a.ts'",
  }
  expect(circleIn(circle)).toEqual(['vm/a.ts', 'vm/b.ts', 'vm/c.ts', 'vm/a.ts'])
})

test('the arrows make no circle', () => {
  const below = (part: string, path: readonly string[]): readonly string[] => {
    expect(path).not.toContain(part)
    return (ARROWS[part] ?? []).flatMap(next => below(next, [...path, part]))
  }
  for (const part of Object.keys(ARROWS)) below(part, [])
})

test.each([
  [
    'a folder that points back',
    { 'vm/change.ts': "import { ClusterFold } from '../cluster/fold.ts'" },
    ['vm/change.ts → cluster/fold.ts'],
  ],
  [
    'a type that points back',
    { 'log/log.ts': "import type { VmRecord } from '../vm/record.ts'" },
    ['log/log.ts → vm/record.ts'],
  ],
  [
    'an export that points back',
    { 'event/index.ts': "export * from '../vm/index.ts'" },
    ['event/index.ts → vm/index.ts'],
  ],
  ['an import for its effect', { 'kube/a.ts': "import '../telemetry/index.ts'" }, ['kube/a.ts → telemetry/index.ts']],
  [
    'an import that waits',
    { 'aap/a.ts': "const day2 = await import('../day2/index.ts')" },
    ['aap/a.ts → day2/index.ts'],
  ],
  [
    'one over several lines',
    { 'vm/a.ts': "import {\n  type A,\n  b,\n} from '../fleet/index.ts'" },
    ['vm/a.ts → fleet/index.ts'],
  ],
  [
    'one from deep down',
    { 'log/sqlite/a.ts': "import { x } from '../../kube/index.ts'" },
    ['log/sqlite/a.ts → kube/index.ts'],
  ],
  [
    'a folder that imports a root',
    { 'http/app.ts': "import { startService } from '../service.ts'" },
    ['http/app.ts → service.ts'],
  ],
  [
    'a folder that imports the CLI',
    { 'day2/run.ts': "import { x } from '../cli/program.ts'" },
    ['day2/run.ts → cli/program.ts'],
  ],
  [
    'the simulator that knows the bridge',
    { 'simulator/a.ts': "import { x } from '../kube/index.ts'" },
    ['simulator/a.ts → kube/index.ts'],
  ],
  [
    'what all may import, and imports back',
    { 'errors.ts': "import { x } from './vm/index.ts'" },
    ['errors.ts → vm/index.ts'],
  ],
  ['a folder nobody has heard of', { 'new/a.ts': "import { x } from '../vm/index.ts'" }, ['new/a.ts → vm/index.ts']],
  ['a folder that points ahead', { 'cluster/a.ts': "import { x } from '../vm/index.ts'" }, []],
  ['a folder within itself', { 'simulator/a/b.ts': "import { x } from '../../simulator/c.ts'" }, []],
  [
    'what all may import',
    { 'vm/a.ts': "import { Fault } from '../errors.ts'\nimport { pause } from '../waiting.ts'" },
    [],
  ],
  ['a package', { 'vm/a.ts': "import ip from 'ipaddr.js'\nimport { x } from 'node:fs'" }, []],
  ['words in a comment', { 'vm/a.ts': "/** from '../log/log.ts' */\n// import '../log/log.ts'" }, []],
  [
    'a root',
    { 'service.ts': "import { x } from './http/index.ts'", 'cli/a.ts': "import { y } from '../service.ts'" },
    [],
  ],
] as const)('the checker sees %s', (_, tree, found) => {
  expect(forbidden(tree)).toEqual(found)
})
