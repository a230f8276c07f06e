import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { collectionTools, collectionToolsRecipe } from '../servers/collection-tools.ts'
import { ansible, OLDER_CORES, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { temporaryFolder } from '../support/bridge.ts'

const root = join(import.meta.dirname, '..', '..')
const plays = ['playbooks', 'playbooks/operators', 'playbooks/rulebooks', 'deploy'].flatMap(folder =>
  readdirSync(join(root, folder))
    .filter(file => file.endsWith('.yml'))
    .map(file => join(folder, file)),
)

/** What a tool that is run in the checkout has to say when it is not content; empty when it is. */
async function faultOf({ bin, env }: PythonEnvironment, program: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runToEnd(join(bin, program), args, { cwd: root, env })
  return status === 0 ? '' : `${stdout}\n${stderr}`
}

describe('plays and roles are clean', { timeout: 600_000 }, () => {
  test('under ansible-lint, in its profile for production', async () => {
    const tools = await collectionTools(collectionToolsRecipe)
    const files = ['playbooks', ...plays.filter(play => play.startsWith('deploy'))]
    expect(await faultOf(tools, 'ansible-lint', ['--nocolor', '--strict', ...files])).toBe('')
  })

  test('under yamllint, with rulebooks, requirements and all that is deployed', async () => {
    const tools = await collectionTools(collectionToolsRecipe)
    const folders = ['playbooks', 'rulebooks', 'collections', 'deploy']
    expect(await faultOf(tools, 'yamllint', ['--strict', ...folders])).toBe('')
  })
})

describe('environments are understood by ansible-builder', { timeout: 300_000 }, () => {
  test.each([
    ['execution', ['requirements.yml', 'requirements.txt', 'bindep.txt']],
    ['decision', ['requirements.yml', 'virtbridge/galaxy.yml']],
  ])('the %s environment, with all that it is built of', async (kind, needed) => {
    await using folder = await temporaryFolder()
    const { bin, env } = await collectionTools(collectionToolsRecipe)
    const args = ['create', '--file', `${kind}-environment.yml`, '--context', folder.path]
    const cwd = join(root, 'deploy', `${kind}-environment`)
    const { status, stdout, stderr } = await runToEnd(join(bin, 'ansible-builder'), args, { cwd, env })
    expect(status, stdout + stderr).toBe(0)
    for (const file of needed) expect(existsSync(join(folder.path, '_build', file)), file).toBe(true)
  })
})

describe('every play is understood', { timeout: 300_000 }, () => {
  test.each([...OLDER_CORES, '2.19'] as const)('by ansible-core %s', async version => {
    const environment = version === '2.19' ? await ansible() : await olderAnsible(version)
    expect(
      await faultOf(environment, 'ansible-playbook', ['--syntax-check', '--inventory', 'localhost,', ...plays]),
    ).toBe('')
  })
})
