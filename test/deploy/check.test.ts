import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Finding } from '../../src/check.ts'
import { loadObjects, readObjectFiles, startSimulatedController } from '../../src/simulator/controller/index.ts'
import { virtbridge } from '../cli/console.ts'
import { startClusters } from '../service/clusters.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const PLAYBOOKS = new URL('../../playbooks/', import.meta.url)
const TOKEN = 'a-token-of-the-bridge'

/** What `virtbridge check` says of a controller with the shipped objects, of each verb that has a play; `spoil` changes the objects before. */
async function checked(spoil: (objects: ReturnType<typeof loadObjects>) => void = () => {}): Promise<readonly Finding[]> {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1')
  const objects = loadObjects(readObjectFiles(DEPLOY))
  spoil(objects)
  const expires = Date.now() + 365 * 86_400_000
  await using controller = await startSimulatedController({
    objects,
    tokens: { [TOKEN]: { user: 'virtbridge', scope: 'write', description: 'virtbridge', expires } },
  })
  const plays = readdirSync(PLAYBOOKS).filter(name => name.endsWith('.yml'))
  const config = {
    log: { path: './check.db' },
    clusters: clusters.config,
    controller: { url: controller.url, token: { env: 'OWN' } },
    verbs: Object.fromEntries(plays.map(name => [name.replace('.yml', ''), {}])),
  }
  const file = await fileIn(folder.path, 'virtbridge.yaml', stringify(config))
  const { out } = await virtbridge(['check', '-c', file, '--json'], { OWN: TOKEN })
  return (JSON.parse(out) as Finding[]).filter(({ what }) => /controller|inventory|job|verb/.test(what))
}

test('finds nothing to mend at a controller with these objects, for any verb', async () => {
  const findings = await checked()
  const verbs = readdirSync(PLAYBOOKS).filter(name => name.endsWith('.yml'))
  expect(findings.filter(({ what }) => what.startsWith('job template'))).toHaveLength(verbs.length)
  expect(findings.filter(({ result }) => result !== 'ok')).toEqual([])
})

test('finds what was left out of them', async () => {
  const findings = await checked(objects => {
    const [first] = objects.templates
    if (first?.prompts !== undefined) first.prompts['limit'] = false
    objects.roles = (objects.roles ?? []).filter(({ name }) => name !== 'Day2 | Patch')
  })
  const wrong = findings.filter(({ result }) => result === 'fail').map(({ what, detail }) => `${what}: ${detail}`)
  expect(wrong).toEqual([
    expect.stringContaining('does not prompt for a limit') as string,
    expect.stringContaining('Day2 | Patch') as string,
  ])
})
