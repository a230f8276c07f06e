import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import type { Job } from '../../src/simulator/controller/job-records.ts'
import { VMS } from '../../src/simulator/kube/resource.ts'
import { virtbridge } from '../cli/console.ts'
import { ansible, type PythonEnvironment } from '../servers/python-environment.ts'
import { run } from '../servers/run.ts'
import { type Clusters, startClusters } from '../service/clusters.ts'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'
import { type Played, playNewest } from '../support/player.ts'
import { rolesOf, SHIPPED_OBJECTS } from '../support/shipped-team.ts'
import { publishPackage } from './debian-package.ts'
import { Stage } from './stage.ts'

const SOON = { timeout: 60_000, interval: 50 }
const WEB = 'web-1.shop.prod-1'
const UUID = '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b'
const OWN = 'a-token-of-the-bridge'
const BOB = 'a-token-of-bob'

let stack: AsyncDisposableStack
let stage: Stage
let environment: PythonEnvironment
let folder: string
let clusters: Clusters
let controller: SimulatedController

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  stage = stack.use(await Stage.set({ [WEB]: UUID }))
  environment = await ansible()
  folder = stack.use(await temporaryFolder()).path
  clusters = stack.use(await startClusters(folder, 'prod-1'))
  const firmware = { spec: { template: { spec: { domain: { firmware: { uuid: UUID } } } } } }
  clusters.worlds['prod-1']?.store.patch(VMS, { namespace: 'shop', name: 'web-1' }, firmware)
  controller = stack.use(
    await startSimulatedController({
      objects: loadObjects(readObjectFiles(SHIPPED_OBJECTS)),
      tokens: { [OWN]: { user: 'virtbridge', description: 'virtbridge' }, [BOB]: { user: 'bob' } },
      users: { bob: { roles: rolesOf('virtbridge break glass') } },
      outcome: () => 'hang',
      timing: { pendingMs: 5, waitingMs: 5, eventsDelayMs: 20, updateMs: 20, tickMs: 50 },
    }),
  )
  const { root } = stage.guest(WEB)
  await publishPackage(stage.guest(WEB), 'virtbridge-tool', '1.0')
  await run('chroot', [root, 'dpkg', '--install', '/srv/packages/virtbridge-tool_1.0_all.deb'])
  await publishPackage(stage.guest(WEB), 'virtbridge-tool', '1.1')
})
afterAll(() => stack.disposeAsync())

/** A bridge on the log of the one before it, when there was one. */
function openBridge(): Promise<Bridge> {
  const config = {
    clusters: clusters.config,
    controller: { url: controller.url, token: { env: 'OWN' }, poll_seconds: 0.1, quiet_period_seconds: 2 },
    verbs: { onboard: { driver: 'off' } },
    dispatch: { look_seconds: 0.1 },
  }
  return startBridge(folder, config, { OWN })
}

async function post(path: string, token: string, body: object): Promise<Response> {
  return fetch(`${controller.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** Bob answers the survey, and the controller runs the play on the guest. */
async function breakGlass(
  limit: string,
  answers: object = {},
  more: object = {},
): Promise<Played & { readonly job: Job }> {
  const { id } = controller.store.templates.find(({ name }) => name === 'Break glass | Patch') ?? { id: 0 }
  const survey = {
    virtbridge_break_glass_reason: 'the bridge is down',
    virtbridge_expected_count: 1,
    patch_reboot: 'never',
    ...answers,
  }
  const launched = await post(`/api/v2/job_templates/${id}/launch/`, BOB, { limit, extra_vars: survey, ...more })
  expect(launched.status, await launched.clone().text()).toBe(201)
  return playNewest(controller, 'Break glass | Patch', {
    environment,
    run: (program, args, options) => stage.network.run(program, args, options),
    args: [`--private-key=${stage.network.key}`, '--user=root'],
    hostvars: { [WEB]: { ansible_host: stage.guest(WEB).address, ansible_python_interpreter: '/usr/bin/python3' } },
    env: {
      ANSIBLE_HOST_KEY_CHECKING: '0',
      ANSIBLE_SSH_ARGS: '-o UserKnownHostsFile=/dev/null -o ControlMaster=no',
      ANSIBLE_PIPELINING: '1',
    },
  })
}

describe('while virtbridge is down', () => {
  beforeAll(async () => {
    await using bridge = await openBridge()
    controller.setOrigin('virtbridge', () => bridge.api.get('/api/v1/inventory'))
    await vi.waitUntil(async () => (await bridge.api.get(`/api/v1/explain/${WEB}`).catch(() => null)) !== null, SOON)
    await vi.waitUntil(async () => {
      const source = controller.store.sources.find(({ name }) => name === 'virtbridge')?.id
      await post(`/api/v2/inventory_sources/${source}/update/`, OWN, {})
      await new Promise(resolve => setTimeout(resolve, 300))
      return controller.store.hosts.find(({ name, enabled }) => name === WEB && enabled) !== undefined
    }, SOON)
    // What had ended before its first look is not its to tell: it has looked when it knows of this one.
    const { id } = controller.store.templates.find(({ name }) => name === 'Break glass | Verify') ?? { id: 0 }
    const answers = { virtbridge_break_glass_reason: 'a first look', virtbridge_expected_count: 1 }
    await post(`/api/v2/job_templates/${id}/launch/`, BOB, { limit: WEB, extra_vars: answers })
    await vi.waitUntil(
      async () => ((await bridge.api.get('/api/v1/runs')) as { runs: readonly unknown[] }).runs.length === 1,
      SOON,
    )
    for (const job of controller.store.jobs.all()) await post(`/api/v2/jobs/${job.id}/cancel/`, BOB, {})
  })

  test('a limit that means everybody is refused by the play, and one that was left out runs nowhere', async () => {
    const everybody = await breakGlass('all')
    expect(everybody.status).not.toBe(0)
    expect(everybody.stdout.replaceAll(/\s+/g, ' ')).toContain('has no limit, or one that means every host')
    expect(await stage.versionOf(WEB, 'virtbridge-tool')).toBe('1.0')

    const { id } = controller.store.templates.find(({ name }) => name === 'Break glass | Patch') ?? { id: 0 }
    const answers = { virtbridge_break_glass_reason: 'none', virtbridge_expected_count: 1, patch_reboot: 'never' }
    const launched = (await (
      await post(`/api/v2/job_templates/${id}/launch/`, BOB, { extra_vars: answers })
    ).json()) as { id: number }
    await vi.waitUntil(() => controller.store.jobs.must(launched.id).status === 'failed', SOON)
  })

  test('a person without a reason launches nothing', async () => {
    const { id } = controller.store.templates.find(({ name }) => name === 'Break glass | Patch') ?? { id: 0 }
    const body = { limit: WEB, extra_vars: { virtbridge_expected_count: 1, patch_reboot: 'never' } }
    const refused = await post(`/api/v2/job_templates/${id}/launch/`, BOB, body)
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining('virtbridge_break_glass_reason') as string,
    ])
  })

  test('a person with a limit and a reason has the guest patched, by the same play', async () => {
    const played = await breakGlass(WEB, { virtbridge_break_glass_reason: 'CVE-2026-1, and the bridge is down' })
    expect(played.status, played.stdout + played.stderr).toBe(0)
    expect(played.artifacts).toMatchObject({
      virtbridge: { [WEB]: { outcome: 'ok', run_id: '', packages: [{ name: 'virtbridge-tool', to: '1.1' }] } },
    })
    expect(await stage.versionOf(WEB, 'virtbridge-tool')).toBe('1.1')
  })
})

test('when virtbridge is back it has recorded what was done without it, by whom and why', async () => {
  await using bridge = await openBridge()
  const env = { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: bridge.token }
  const explained = async (): Promise<string> => (await virtbridge(['explain', 'vm', WEB], env)).out
  await vi.waitUntil(async () => /^patch +ok/m.test(await explained()), SOON)
  expect(await explained()).toMatch(/^patch +ok: .*by controller:bob/m)

  const listed = JSON.parse((await virtbridge(['runs', '--json'], env)).out) as { id: string; reason: string }[]
  const done = listed.find(({ reason }) => reason.includes('CVE'))
  expect(done).toMatchObject({
    verb: 'patch',
    template: 'Break glass | Patch',
    asked_by: 'controller:bob',
    reason: 'break glass: CVE-2026-1, and the bridge is down',
    outcome: 'ok',
  })
  const { out } = await virtbridge(['runs', 'show', done?.id ?? ''], env)
  expect(out).toContain('reason: break glass: CVE-2026-1, and the bridge is down')
  expect(out).toMatch(new RegExp(`^${WEB} +ok`, 'm'))
})
