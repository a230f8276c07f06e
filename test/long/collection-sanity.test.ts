import { expect, test } from 'vitest'
import {
  collectionTools,
  copyOfCollection,
  NOT_HERE,
  olderToolsRecipe,
  pythonVersion,
} from '../servers/collection-tools.ts'
import { OLDER_CORES } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'

// Those of 2.19 are in test/integration.
test.each(OLDER_CORES)(
  'the collection is clean under ansible-test sanity and units of ansible-core %s',
  async version => {
    const tools = await collectionTools(olderToolsRecipe(version))
    const python = await pythonVersion(tools)
    await using folder = await temporaryFolder()
    const cwd = await copyOfCollection(folder.path)
    const hold = async (...args: readonly string[]): Promise<string> => {
      const { status, stdout, stderr } = await runToEnd('ansible-test', [...args, '--python', python], {
        cwd,
        env: tools.env,
      })
      expect(status, `${stdout}\n${stderr}`).toBe(0)
      return `${stdout}\n${stderr}`
    }
    const skip = NOT_HERE.flatMap(name => ['--skip-test', name])
    expect(await hold('sanity', ...skip)).toContain('Running sanity test "validate-modules"')
    expect(await hold('units')).toMatch(/\d{2,} passed/)
  },
)
