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

// That of 2.19 is in test/integration.
test.each(OLDER_CORES)('the collection is clean under ansible-test sanity of ansible-core %s', async version => {
  const tools = await collectionTools(olderToolsRecipe(version))
  await using folder = await temporaryFolder()
  const skip = NOT_HERE.flatMap(name => ['--skip-test', name])
  const args = ['sanity', '--python', await pythonVersion(tools), ...skip]
  const cwd = await copyOfCollection(folder.path)
  const { status, stdout, stderr } = await runToEnd('ansible-test', args, { cwd, env: tools.env })
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  expect(`${stdout}\n${stderr}`).toContain('Running sanity test "validate-modules"')
})
