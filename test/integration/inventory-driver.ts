import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { PythonEnvironment } from '../servers/python-environment.ts'
import { run } from '../servers/run.ts'
import { type InventoryServer, token } from './ansible-inventory-server.ts'

const COLLECTIONS = join(import.meta.dirname, '..', '..', 'inventory-plugin')

/** One reading of one inventory source: the options beside `plugin:` as they stand in the file, and what differs in the environment. */
export interface Reading {
  /** Readings of the same file share what is cached for it; each has one of its own unless this names it. */
  readonly file?: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  /** What every file of a folder holds when it is read. */
  readonly spoil?: { readonly folder: string; readonly text: string }
}

/** What Ansible holds after it: the message it failed with, what it warned of, hosts with their variables, groups. */
export interface Outcome {
  readonly error: string | null
  readonly warnings: readonly string[]
  readonly hosts: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly groups: Readonly<Record<string, { readonly hosts: readonly string[]; readonly children: readonly string[] }>>
}

/** Reads all of them, one after the other, with the Ansible of the environment in one process; the outcomes are in the same order. */
export async function readAll(
  environment: PythonEnvironment,
  bridge: Pick<InventoryServer, 'url'>,
  folder: string,
  readings: readonly Reading[],
): Promise<readonly Outcome[]> {
  const scenarios = await Promise.all(
    readings.map(async ({ file, options = {}, env = {}, spoil }, index) => {
      const source = join(folder, `${file ?? index}.virtbridge.yml`)
      await writeFile(source, stringify({ plugin: 'virtbridge.fleet.vms', ...options }))
      return { source, env, ...(spoil && { spoil }) }
    }),
  )
  const outcomes = join(folder, 'outcomes.json')
  await run('python', [join(import.meta.dirname, 'inventory-driver.py'), outcomes], {
    env: {
      ...environment.env,
      ANSIBLE_COLLECTIONS_PATH: COLLECTIONS,
      ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      VIRTBRIDGE_URL: bridge.url,
      VIRTBRIDGE_TOKEN: token,
      VIRTBRIDGE_RETRIES: '0',
    },
    input: JSON.stringify(scenarios),
  })
  return JSON.parse(await readFile(outcomes, 'utf8')) as Outcome[]
}
