import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  collectionTools,
  collectionToolsRecipe,
  copyOfCollection,
  NOT_HERE,
  pythonVersion,
} from '../servers/collection-tools.ts'
import type { PythonEnvironment } from '../servers/python-environment.ts'
import { run, runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, startInventoryServer, token } from './ansible-inventory-server.ts'
import { DOCUMENT } from './plugin-cases.ts'

const stack = new AsyncDisposableStack()
let folder: string
let copy: string
let tools: PythonEnvironment
let python: string
let bridge: InventoryServer

beforeAll(async () => {
  tools = await collectionTools(collectionToolsRecipe)
  python = await pythonVersion(tools)
  folder = stack.use(await temporaryFolder()).path
  copy = await copyOfCollection(folder)
  bridge = stack.use(await startInventoryServer(DOCUMENT))
})
afterAll(() => stack.disposeAsync())

/** Runs a tool in the copy; the test fails with all that it printed when the tool does. */
async function hold(program: string, ...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runToEnd(program, args, { cwd: copy, env: tools.env })
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  return `${stdout}\n${stderr}`
}

describe('the collection is clean', { timeout: 1_200_000 }, () => {
  test('under ansible-test sanity, every test of it that can run here', async () => {
    const skip = NOT_HERE.flatMap(name => ['--skip-test', name])
    const told = await hold('ansible-test', 'sanity', '--python', python, ...skip)
    const listed = (await hold('ansible-test', 'sanity', '--list-tests')).split('\n').map(line => line.trim())
    const names = listed.filter(name => /^[a-z][a-z0-9-]+$/.test(name))
    expect(names.length).toBeGreaterThan(20)
    for (const name of names) expect(told.includes(`Running sanity test "${name}"`)).toBe(!NOT_HERE.includes(name))
    const files = await readdir(copy, { recursive: true })
    expect(files.filter(file => file.endsWith('.sh'))).toEqual([])
  })

  test('under ansible-test units', async () => {
    expect(await hold('ansible-test', 'units', '--python', python)).toMatch(/\d{2,} passed/)
  })

  test.each([
    ['ansible-lint', '--offline', '--strict', '--profile', 'production'],
    ['yamllint', '--strict', '.'],
    ['antsibull-docs', 'lint-collection-docs', '--plugin-docs', '.'],
    ['antsibull-changelog', 'lint'],
  ])('under %s', async (program, ...args) => {
    expect(await hold(program, ...args)).not.toContain('WARNING')
  })
})

test('the changelog has a release of the version that galaxy.yml names, no fragment is left over, and CHANGELOG.rst is made of it', async () => {
  const galaxy = parse(await readFile(join(copy, 'galaxy.yml'), 'utf8')) as { version: string }
  const changelog = parse(await readFile(join(copy, 'changelogs', 'changelog.yaml'), 'utf8')) as { releases: object }
  expect(Object.keys(changelog.releases)).toContain(galaxy.version)
  expect(await readdir(join(copy, 'changelogs', 'fragments')).catch(() => [])).toEqual([])
  const before = await readFile(join(copy, 'CHANGELOG.rst'), 'utf8')
  await hold('antsibull-changelog', 'generate')
  expect(await readFile(join(copy, 'CHANGELOG.rst'), 'utf8')).toBe(before)
})

test('the package is built, passes the import of an automation hub, is installed, and lists the fleet', async () => {
  const out = join(folder, 'out')
  await hold('ansible-galaxy', 'collection', 'build', '--output-path', out)
  const [archive = ''] = await readdir(out)
  expect(archive).toMatch(/^virtbridge-fleet-\d+\.\d+\.\d+\.tar\.gz$/)
  const packed = (await run('tar', ['tzf', join(out, archive)])).split('\n')
  const eda = ['event_source/events.py', 'event_filter/select.py', 'event_filter/unwrap.py']
  for (const file of ['README.md', 'CHANGELOG.rst', 'LICENSE', 'meta/runtime.yml', 'plugins/inventory/vms.py'])
    expect(packed).toContain(file)
  for (const file of eda) expect(packed).toContain(`extensions/eda/plugins/${file}`)
  expect(packed.filter(file => /pycache|\.pyc$|output|changelogs\/fragments|\.yamllint/.test(file))).toEqual([])

  const told = await hold('python', '-m', 'galaxy_importer.main', join(out, archive))
  expect(told).toContain('Importer processing completed successfully')
  // The one that it warns of: there is no GPL header, as the license is another.
  expect(told.split('\n').filter(line => /^(WARNING|ERROR)/.test(line) && !line.includes('ignore-2.'))).toEqual([])

  const installed = join(folder, 'installed')
  await hold('ansible-galaxy', 'collection', 'install', '--offline', '-p', installed, join(out, archive))
  const listed = await run('ansible-inventory', ['-i', 'virtbridge.yml', '--list', '--export'], {
    cwd: await sourceIn(folder),
    env: {
      ...tools.env,
      ANSIBLE_COLLECTIONS_PATH: installed,
      ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      VIRTBRIDGE_URL: bridge.url,
      VIRTBRIDGE_TOKEN: token,
    },
  })
  const { _meta: meta } = JSON.parse(listed) as typeof DOCUMENT
  expect(Object.keys(meta.hostvars).sort()).toEqual(Object.keys(DOCUMENT._meta.hostvars).sort())
})

async function sourceIn(path: string): Promise<string> {
  await writeFile(join(path, 'virtbridge.yml'), 'plugin: virtbridge.fleet.vms\n')
  return path
}
