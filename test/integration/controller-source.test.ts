import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { collectionTools, collectionToolsRecipe } from '../servers/collection-tools.ts'
import { ansible, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { run, runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, startInventoryServer, token } from './ansible-inventory-server.ts'
import { DB, DOCUMENT, HOSTILE, WEB } from './plugin-cases.ts'

const PLUGIN = join(import.meta.dirname, '..', '..', 'inventory-plugin')
const COLLECTION = join(PLUGIN, 'ansible_collections', 'virtbridge', 'fleet')

const stack = new AsyncDisposableStack()
let folder: string
let bridge: InventoryServer
let newest: PythonEnvironment
let oldest: PythonEnvironment

beforeAll(async () => {
  folder = stack.use(await temporaryFolder()).path
  bridge = stack.use(await startInventoryServer(DOCUMENT))
  newest = await ansible()
  oldest = await olderAnsible('2.16')
})
afterAll(() => stack.disposeAsync())

/** A project as a controller checks it out: the source alone, in a folder of its own. */
async function project(name: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(join(path, 'inventories'), { recursive: true })
  await writeFile(join(path, 'inventories', 'fleet.virtbridge.yml'), '---\nplugin: virtbridge.fleet.vms\n')
  return path
}

/** Runs the sync of an inventory source as AWX runs it in an execution environment: this command, and these variables beside the credential's. */
async function sync(environment: PythonEnvironment, path: string, more: Record<string, string> = {}) {
  const output = join(path, 'output.json')
  const source = join(path, 'inventories', 'fleet.virtbridge.yml')
  const args = [
    '--list',
    '--export',
    '-i',
    source,
    '--output',
    output,
    '--playbook-dir',
    join(path, 'inventories'),
    '-v',
  ]
  const { status, stdout, stderr } = await runToEnd('ansible-inventory', args, {
    cwd: path,
    env: {
      ...environment.env,
      ANSIBLE_HOME: join(path, 'ansible-home'),
      ANSIBLE_INVENTORY_UNPARSED_FAILED: 'True',
      ANSIBLE_INVENTORY_EXPORT: 'True',
      ANSIBLE_HOST_PATTERN_MISMATCH: 'error',
      VIRTBRIDGE_URL: bridge.url,
      VIRTBRIDGE_TOKEN: token,
      ...more,
    },
  })
  const hosts = async (): Promise<Record<string, unknown>> => {
    expect(status, `${stdout}\n${stderr}`).toBe(0)
    const { _meta: meta } = JSON.parse(await run('cat', [output])) as { _meta: { hostvars: Record<string, unknown> } }
    return meta.hostvars
  }
  return { status, told: `${stdout} ${stderr}`.replaceAll(/\s+/g, ' '), hosts }
}

test('a collection beside the source in the project is found without anything installed', async () => {
  const path = await project('beside')
  const collections = join(path, 'inventories', 'collections', 'ansible_collections', 'virtbridge')
  await cp(COLLECTION, join(collections, 'fleet'), { recursive: true })
  for (const environment of [newest, oldest]) {
    const hosts = await (await sync(environment, path)).hosts()
    expect(hosts[WEB]).toMatchObject({ ansible_host: '10.1.2.3', kubevirt_enabled: true })
    expect(hosts[DB]).toMatchObject({ ansible_host: '10.1.2.4', kubevirt_os: { name: { __ansible_unsafe: HOSTILE } } })
  }
})

/** The package of the collection, as a galaxy or an automation hub would hand it out. */
async function builtPackage(): Promise<string> {
  const out = join(folder, 'package')
  await run('ansible-galaxy', ['collection', 'build', '--force', '--output-path', out, COLLECTION], newest)
  const [name = ''] = await readdir(out)
  return join(out, name)
}

test.each([
  ['a folder', 'dir', () => Promise.resolve(COLLECTION)],
  ['a package', 'file', builtPackage],
])('%s that the project’s requirements.yml names is installed and found', async (_, type, placeOf) => {
  const path = await project(`required-${type}`)
  const requirements = `---\ncollections:\n  - name: ${await placeOf()}\n    type: ${type}\n`
  await writeFile(join(path, 'requirements.yml'), requirements)
  const installed = join(path, 'requirements_collections')
  const install = ['collection', 'install', '-r', 'requirements.yml', '-p', installed]
  const env = { ...newest.env, ANSIBLE_HOME: join(path, 'ansible-home') }
  expect(await run('ansible-galaxy', install, { cwd: path, env })).toContain('was installed successfully')
  // A controller that knows only the plural name needs an execution environment older than ansible-core 2.19.
  const older = await (await sync(oldest, path, { ANSIBLE_COLLECTIONS_PATHS: installed })).hosts()
  const newer = await (await sync(newest, path, { ANSIBLE_COLLECTIONS_PATH: installed })).hosts()
  expect(Object.keys(newer).sort()).toEqual(Object.keys(older).sort())
  expect(newer[WEB]).toMatchObject({ ansible_host: '10.1.2.3' })
  expect(newer[DB]).toMatchObject({ kubevirt_os: { name: { __ansible_unsafe: HOSTILE } } })
})

test.each([
  ['at home', 'ansible-home/collections', ''],
  ['for all', 'usr/share/ansible/collections', 'ANSIBLE_COLLECTIONS_PATH'],
  ['among the packages of Python', 'site-packages', 'PYTHONPATH'],
])('a collection that the execution environment brings, %s, is found', async (_, below, variable) => {
  const path = await project(`shipped-${below.replaceAll('/', '-')}`)
  const place = join(path, below)
  await cp(COLLECTION, join(place, 'ansible_collections', 'virtbridge', 'fleet'), { recursive: true })
  for (const environment of [newest, oldest]) {
    const found = await sync(environment, path, variable === '' ? {} : { [variable]: place })
    expect(Object.keys(await found.hosts())).toHaveLength(4)
  }
})

/**
 * The definition of deploy/execution-environment with the collection in it, as deploy/aap/README.md says, as a context of ansible-builder.
 * Without the collections of a galaxy, which can not be reached from everywhere.
 */
async function builderContext(path: string): Promise<string> {
  const { bin, env } = await collectionTools(collectionToolsRecipe)
  const definition = join(path, 'definition')
  await cp(join(PLUGIN, '..', 'deploy', 'execution-environment'), definition, { recursive: true })
  const file = join(definition, 'execution-environment.yml')
  const more = { additional_build_files: [{ src: COLLECTION, dest: 'virtbridge' }] }
  await writeFile(file, stringify({ ...(parse(await readFile(file, 'utf8')) as object), ...more }))
  await writeFile(
    join(definition, 'requirements.yml'),
    stringify({ collections: [{ name: './virtbridge', type: 'dir' }] }),
  )
  const context = join(path, 'context')
  const args = [
    'create',
    '--file',
    'execution-environment.yml',
    '--context',
    context,
    '--output-filename',
    'Containerfile',
  ]
  const { status, stdout, stderr } = await runToEnd(join(bin, 'ansible-builder'), args, { cwd: definition, env })
  expect(status, stdout + stderr).toBe(0)
  return context
}

test('a collection that ansible-builder puts into the execution environment is found, and asks for no package of Python or of the system', async () => {
  const path = await project('built')
  const context = await builderContext(path)
  const share = join(path, 'usr', 'share', 'ansible')
  const lines = (await readFile(join(context, 'Containerfile'), 'utf8')).split('\n')
  const [install = '', ...others] = lines.filter(line => /^RUN .*ansible-galaxy collection install/.test(line))
  expect([install, others]).toEqual([expect.stringContaining('/usr/share/ansible/collections'), []])
  // What the build runs, at another place: it is no container here.
  const command = install.replace('RUN ', '').replace('/usr/share/ansible', share)
  const env = {
    ...newest.env,
    ANSIBLE_HOME: join(path, 'ansible-home'),
    ANSIBLE_GALAXY_CLI_COLLECTION_OPTS: '--offline',
  }
  await run('bash', ['-c', command], { cwd: join(context, '_build'), env })
  const found = await sync(newest, path, { ANSIBLE_COLLECTIONS_PATH: join(share, 'collections') })
  expect(Object.keys(await found.hosts())).toHaveLength(4)

  const tools = await collectionTools(collectionToolsRecipe)
  const introspect = [join(context, '_build', 'scripts', 'introspect.py'), 'introspect', join(share, 'collections')]
  const needs = parse(await run(join(tools.bin, 'python'), introspect, { env: tools.env })) as object
  expect(needs).toEqual({ python: [], system: [] })
})

test('a bridge without hosts, or without an answer, fails the sync, so that the controller keeps what it has', async () => {
  const path = await project('failing')
  const more = { ANSIBLE_COLLECTIONS_PATH: PLUGIN, VIRTBRIDGE_RETRIES: '0' }
  await using none = await startInventoryServer({ _meta: { hostvars: {} }, all: {} })
  for (const [url, said] of [
    [none.url, 'min_hosts'],
    ['http://127.0.0.1:9', 'was not reached'],
  ] as const) {
    const { status, told } = await sync(newest, path, { ...more, VIRTBRIDGE_URL: url })
    expect(status).not.toBe(0)
    expect(told).toContain(said)
    expect(told).not.toContain(token)
  }
})
