import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { collectionTools, collectionToolsRecipe } from '../servers/collection-tools.ts'
import { ansible, OLDER_CORES, olderAnsible, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'

const root = join(import.meta.dirname, '..', '..')
const plays = readdirSync(join(root, 'playbooks')).filter(file => file.endsWith('.yml'))

/** What a tool that is run in the checkout has to say when it is not content; empty when it is. */
async function faultOf({ bin, env }: PythonEnvironment, program: string, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runToEnd(join(bin, program), args, { cwd: root, env })
  return status === 0 ? '' : `${stdout}\n${stderr}`
}

describe('plays and roles are clean', { timeout: 180_000 }, () => {
  test('under ansible-lint, in its profile for production', async () => {
    const tools = await collectionTools(collectionToolsRecipe)
    expect(await faultOf(tools, 'ansible-lint', ['--nocolor', '--strict', 'playbooks'])).toBe('')
  })
})

describe('every play is understood', { timeout: 180_000 }, () => {
  test.each([...OLDER_CORES, '2.19'] as const)('by ansible-core %s', async version => {
    const environment = version === '2.19' ? await ansible() : await olderAnsible(version)
    const paths = plays.map(play => join('playbooks', play))
    expect(
      await faultOf(environment, 'ansible-playbook', ['--syntax-check', '--inventory', 'localhost,', ...paths]),
    ).toBe('')
  })
})
