import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type InventoryServer, startInventoryServer, token } from '../integration/ansible-inventory-server.ts'
import { DB, DOCUMENT, HOSTILE, WEB } from '../integration/plugin-cases.ts'
import { type Image, inside } from '../servers/container-file.ts'
import { environmentIn, executionEnvironment } from '../servers/execution-environment.ts'
import { runToEnd, type RunResult } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'

const stack = new AsyncDisposableStack()
let image: Image
let bridge: InventoryServer

beforeAll(async () => {
  bridge = stack.use(await startInventoryServer(DOCUMENT))
  image = await executionEnvironment(stack.use(await temporaryFolder()).path)
  const inventories = join(image.root, 'runner', 'project', 'inventories')
  await mkdir(inventories, { recursive: true })
  await writeFile(join(inventories, 'fleet.virtbridge.yml'), '---\nplugin: virtbridge.fleet.vms\n')
})
afterAll(() => stack.disposeAsync())

/** Runs a command as a container of the image does: by its entrypoint and its user, with no variable of this machine. */
function started(command: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  const args = inside(image, [...image.entrypoint, ...command], '/runner')
  return runToEnd('chroot', args, { env: environmentIn(image, { ...more, HOME: '/runner' }) })
}

/** The sync of an inventory source of a project that has the source file alone, as AWX runs it. */
function sync(output: string, url: string): Promise<RunResult> {
  const source = [
    '-i',
    '/runner/project/inventories/fleet.virtbridge.yml',
    '--playbook-dir',
    '/runner/project/inventories',
  ]
  return started(['ansible-inventory', '--list', '--export', ...source, '--output', `/runner/${output}`, '-v'], {
    ANSIBLE_INVENTORY_UNPARSED_FAILED: 'True',
    ANSIBLE_INVENTORY_EXPORT: 'True',
    ANSIBLE_HOST_PATTERN_MISMATCH: 'error',
    VIRTBRIDGE_URL: url,
    VIRTBRIDGE_TOKEN: token,
    VIRTBRIDGE_RETRIES: '0',
  })
}

test('a sync in the execution environment finds the collection that was built into it, without being told where', async () => {
  const { status, stdout, stderr } = await sync('output.json', bridge.url)
  expect(status, stdout + stderr).toBe(0)
  const text = await readFile(join(image.root, 'runner', 'output.json'), 'utf8')
  const { _meta: meta } = JSON.parse(text) as { _meta: { hostvars: Record<string, unknown> } }
  expect(Object.keys(meta.hostvars)).toHaveLength(4)
  expect(meta.hostvars[WEB]).toMatchObject({ ansible_host: '10.1.2.3', kubevirt_enabled: true })
  expect(meta.hostvars[DB]).toMatchObject({ kubevirt_os: { name: { __ansible_unsafe: HOSTILE } } })
})

test('a bridge that does not answer fails the sync there, and its token is not told', async () => {
  const { status, stdout, stderr } = await sync('failed.json', 'http://127.0.0.1:9')
  expect(status).not.toBe(0)
  expect(stdout + stderr).toContain('was not reached')
  expect(stdout + stderr).not.toContain(token)
  await expect(readFile(join(image.root, 'runner', 'failed.json'))).rejects.toThrow('ENOENT')
})

test('what its definition asks for is in it: collections, what reaches Windows with Kerberos, and the programs of the plays', async () => {
  const listed = await started(['ansible-galaxy', 'collection', 'list'])
  for (const name of ['virtbridge.fleet', 'ansible.windows', 'community.general'])
    expect(listed.stdout, listed.stderr).toContain(name)
  const imported = await started(['python3', '-c', 'import ansible_runner, gssapi, krb5, kerberos, pypsrp, winrm'])
  expect([imported.status, imported.stderr]).toEqual([0, ''])
  const found = await started(['which', 'ssh', 'sshpass', 'nsupdate', 'kinit', 'ansible-playbook'])
  expect([found.status, found.stdout.trim().split('\n').length]).toEqual([0, 5])
  // What only its build needs is in none of its layers.
  expect((await started(['which', 'gcc'])).status).not.toBe(0)
})
