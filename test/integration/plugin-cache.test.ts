import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ansible, OLDER_CORES, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { temporaryFolder } from '../support/bridge.ts'
import { type InventoryServer, startInventoryServer } from './ansible-inventory-server.ts'
import { type Outcome, type Reading, readAll } from './inventory-driver.ts'
import { DOCUMENT } from './plugin-cases.ts'

/** What a file of the cache may hold that none of ours wrote, or did not write to its end. */
const FOREIGN: readonly [string, string][] = [
  ['nothing', ''],
  ['a list', '[1]'],
  ['a number', '7'],
  ['null', 'null'],
  ['an object of another shape', '{"_meta": {"hostvars": {}}}'],
  ['an envelope of Ansible with nothing in it', '{"__payload__": ""}'],
  ['an envelope of Ansible with a list in it', '{"__payload__": "[1]"}'],
  [
    'an envelope of Ansible that holds none of its own',
    '{"__payload__": "{\\"document\\": \\"e30=\\", \\"etag\\": null}"}',
  ],
  ['the beginning of a file', '{"__payload__": "{\\"etag'],
  ['a page for people', '<html>Log in</html>'],
]
const VERSIONS: readonly [string, () => Promise<PythonEnvironment>][] = [
  ...OLDER_CORES.map((version): [string, () => Promise<PythonEnvironment>] => [version, () => olderAnsible(version)]),
  ['2.19', () => ansible()],
]

const stack = new AsyncDisposableStack()
let bridge: InventoryServer

beforeAll(async () => {
  bridge = stack.use(await startInventoryServer(DOCUMENT))
})
afterAll(() => stack.disposeAsync())

describe.each(VERSIONS)('a cache of ansible-core %s that holds what is none of ours', (_, environmentOf) => {
  let outcomes: readonly Outcome[]
  let path: string

  beforeAll(async () => {
    path = stack.use(await temporaryFolder()).path
    const readings = await Promise.all(FOREIGN.map(([, text], at) => life(join(path, `${at}`), at, text)))
    outcomes = await readAll(await environmentOf(), bridge, path, readings.flat())
  })

  /** Reads, finds the cache spoilt, and reads what it then holds. */
  async function life(folder: string, at: number, text: string): Promise<readonly Reading[]> {
    await mkdir(folder)
    const kept = { cache: true, cache_plugin: 'ansible.builtin.jsonfile', cache_connection: folder, max_shrink: 20 }
    const one = { file: `${at}`, options: kept }
    return [one, { ...one, spoil: { folder, text } }, one]
  }

  test.each(FOREIGN.map(([title], at) => [title, at] as const))(
    '%s counts as no cache, is told of with what is done, and is overwritten',
    async (_title, at) => {
      const [first, spoilt, after] = outcomes.slice(3 * at, 3 * at + 3)
      expect([first?.error, first?.warnings, Object.keys(first?.hosts ?? {}).length]).toEqual([null, [], 4])
      expect({ ...spoilt, warnings: [] }).toEqual(first)
      // One file holds the inventory, the other how many hosts there were.
      const files = (await readdir(join(path, `${at}`))).map(name => join(path, `${at}`, name))
      const told = spoilt?.warnings.filter(text => text.startsWith('virtbridge')).toSorted() ?? []
      expect(told).toHaveLength(2)
      for (const file of files) expect(told.filter(text => text.includes(`the cache file ${file} `))).toHaveLength(1)
      expect(
        told.filter(text => text.includes('the bridge is asked anew and what it says overwrites it')),
      ).toHaveLength(1)
      expect(
        told.filter(text => text.includes('min_hosts alone decides this once, and the number of now overwrites it')),
      ).toHaveLength(1)
      expect(after).toEqual(first)
      for (const file of files) {
        expect((await stat(file)).size).toBeGreaterThan(10)
        expect(await readFile(file, 'utf8')).toMatch(/document|hosts/)
      }
    },
  )
})
