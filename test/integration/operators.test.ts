import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Run } from '../../src/day2/index.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import type { Job } from '../../src/simulator/controller/job-records.ts'
import { virtbridge } from '../cli/console.ts'
import { blocksOf, page, shapeOf } from '../docs/documents.ts'
import { ansible, type PythonEnvironment } from '../servers/python-environment.ts'
import { runToEnd } from '../servers/run.ts'
import { type Clusters, startClusters } from '../service/clusters.ts'
import { type Bridge, startBridge, temporaryFolder } from '../support/bridge.ts'
import { type Played, play, playNewest, usualAnswers } from '../support/player.ts'
import { rolesOf, SHIPPED_OBJECTS } from '../support/shipped-team.ts'
import { type Message, startTickets } from '../support/tickets.ts'

const SOON = { timeout: 60_000, interval: 50 }
const PATCH_HOSTS = 'Operators | Patch hosts'
const OWN = 'a-token-of-the-bridge'
const ALICE = 'a-token-of-alice'
const BOB = 'a-token-of-bob'
const SECRET = 'operators-token-of-sixteen'
const TROUBLE = 'token-of-the-tickets'
const [web1, web2, web3] = ['web-1.shop.prod-1', 'web-2.shop.prod-1', 'web-3.shop.prod-1'] as const
const db1 = 'db-1.shop.prod-1'
/** Hosts on which patching ends when a test says so. */
const held = new Set<string>()
/** How a play ends on a host, and whether it says that it changed it, by the verb and the host. */
const plays = new Map<string, { readonly outcome: 'changed' | 'failed'; readonly changed?: boolean }>()

let stack: AsyncDisposableStack
let clusters: Clusters
let controller: SimulatedController
let bridge: Bridge
let environment: PythonEnvironment

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  environment = await ansible()
  const folder = stack.use(await temporaryFolder()).path
  clusters = stack.use(await startClusters(folder, 'prod-1'))
  for (const [index, name] of ['web-2', 'db-1', 'web-3'].entries()) {
    clusters.worlds['prod-1']?.addVm(name, { ring: name === 'web-2' ? 'canary' : 'rest' })
    clusters.worlds['prod-1']?.boot(name, { address: `10.0.0.${index + 2}` })
  }
  controller = stack.use(
    await startSimulatedController({
      objects: loadObjects(readObjectFiles(SHIPPED_OBJECTS)),
      tokens: {
        [OWN]: { user: 'virtbridge', description: 'virtbridge' },
        [ALICE]: { user: 'alice' },
        [BOB]: { user: 'bob' },
      },
      users: {
        alice: { roles: rolesOf('virtbridge operators') },
        bob: { roles: rolesOf('virtbridge break glass') },
      },
      // What asks virtbridge is played here; what virtbridge launches goes as it is written.
      outcome: (host, _variables, template, job) => {
        const verb = template.replace('Day2 | ', '').toLowerCase()
        if (template.startsWith('Operators') || (held.has(host) && verb === 'patch')) return 'hang'
        const meant = plays.get(`${verb} ${host}`)
        if (meant === undefined) return host.startsWith('db') && template.endsWith('Patch') ? 'failed' : 'changed'
        return { outcome: meant.outcome, artifacts: resultsOf(verb, job.extra_vars) }
      },
      timing: { pendingMs: 5, waitingMs: 5, playMs: 300, eventsDelayMs: 50, updateMs: 20, tickMs: 50 },
    }),
  )
  bridge = stack.use(
    await startBridge(
      folder,
      {
        clusters: clusters.config,
        http: {
          listen: '127.0.0.1:0',
          tokens: [
            { name: 'test', token: { env: 'TEST_TOKEN' }, can: ['read', 'run', 'admin'] },
            { name: 'operators', token: { env: 'OPERATORS' }, can: ['read', 'run'] },
          ],
        },
        // As shipped: what needs the VM alone runs on an inventory of its own.
        inventory: { views: [{ name: 'beside-guests', enabled: 'known' }] },
        controller: {
          url: controller.url,
          token: { env: 'OWN' },
          beside_inventory: 'virtbridge beside guests',
          poll_seconds: 0.1,
          quiet_period_seconds: 5,
        },
        verbs: {
          onboard: { driver: 'off' },
          ...Object.fromEntries(['snapshot', 'precheck', 'reboot', 'verify', 'restore'].map(name => [name, {}])),
        },
        dispatch: { coalesce_seconds: 0.1, look_seconds: 0.2 },
      },
      { OWN, OPERATORS: SECRET },
    ),
  )
  controller.setOrigin('virtbridge', () => bridge.api.get('/api/v1/inventory'))
  controller.setOrigin('virtbridge beside guests', () => bridge.api.get('/api/v1/inventory/beside-guests'))
  const launchable = async (host: string): Promise<boolean> =>
    ((await bridge.api.get(`/api/v1/explain/${host}`).catch(() => null)) as Explained | null)?.launch.possible === true
  for (const host of [web1, web2, web3, db1]) await vi.waitUntil(() => launchable(host), SOON)
})
afterAll(() => stack.disposeAsync())

/** What the play of a verb tells of all its hosts. */
function resultsOf(
  verb: string,
  { virtbridge_run_id: run_id }: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const told = [...plays].flatMap(([key, { outcome, changed }]) => {
    const [ofVerb, host = ''] = key.split(' ')
    const rest = changed === undefined ? {} : { changed }
    const result = { verb, outcome: outcome === 'failed' ? 'failed' : 'ok', run_id, check: false, message: '', ...rest }
    return ofVerb === verb ? [[host, result] as const] : []
  })
  return { virtbridge: Object.fromEntries(told) }
}

interface Workflow {
  readonly simplified_workflow_nodes: readonly {
    readonly identifier: string
    readonly unified_job_template: string
    readonly extra_data?: Readonly<Record<string, unknown>>
  }[]
}
interface Explained {
  readonly launch: { readonly possible: boolean }
}

/** Alice answers the survey of a template. */
async function launch(template: string, answers: Record<string, unknown>, more: object = {}): Promise<Response> {
  const { id } = controller.store.templates.find(({ name }) => name === template) ?? { id: 0 }
  return fetch(`${controller.url}/api/v2/job_templates/${id}/launch/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ALICE}`, 'content-type': 'application/json' },
    body: JSON.stringify({ extra_vars: { ...usualAnswers(template), ...answers }, ...more }),
  })
}

function how(more: object = {}): Parameters<typeof play>[2] {
  return { environment, inputs: { 'virtbridge operators': { url: bridge.url, token: SECRET } }, ...more }
}

/** Alice launches, and the controller runs what that template says. */
async function ask(
  answers: Record<string, unknown>,
  more: { launch?: object; play?: object; template?: string } = {},
): Promise<Played & { readonly job: Job }> {
  const template = more.template ?? PATCH_HOSTS
  const launched = await launch(template, answers, more.launch)
  expect(launched.status, await launched.clone().text()).toBe(201)
  return playNewest(controller, template, how(more.play))
}

async function runs(): Promise<readonly Run[]> {
  return ((await bridge.api.get('/api/v1/runs')) as { runs: readonly Run[] }).runs
}

const plain = ({ stdout }: Played): string => stdout.replaceAll(/\s+/g, ' ')

describe('an operator who has hosts patched', () => {
  test('sees on whom it would launch, where it stands, what became of each host, and a job that ends as the run', async () => {
    const played = await ask({
      ask_hosts: `${web1}\n${web2}`,
      ask_reason: 'CVE {{ 6 * 7 }}',
    })
    expect(played.status, played.stdout).toBe(0)
    const said = plain(played)
    expect(said).toContain('patch would be launched now on 2 of 2')
    expect(said).toMatch(/(following|finished) \(job \d+\) on 2/)
    expect(said).toContain(`(item=${web1}) => { "msg": "ok: 3 ok, 1 changed`)
    expect(said).toContain('patch came to ok (2 ok).')
    const [run] = await runs()
    expect(run).toMatchObject({
      verb: 'patch',
      asked_by: 'operators',
      outcome: 'ok',
      reason: 'CVE {{ 6 * 7 }} (alice)',
    })
    expect(played.artifacts).toMatchObject({ ask_outcome: 'ok', ask_ok_hosts: [web1, web2], ask_not_ok_hosts: [] })
    await expect.poll(() => controller.store.jobs.must(played.job.id).status, SOON).toBe('successful')
  })

  test('sees a host fail while the others are still worked on, and has a job that fails then, with all that went well told as well', async () => {
    held.add(web1)
    const isTold = (stdout: string): boolean => stdout.includes(`"${db1}: failed: Day2 | Patch"`)
    let early = false
    const heard = (stdout: string): void => {
      if (!held.has(web1) || !isTold(stdout)) return
      held.delete(web1)
      early = !stdout.includes('Say what became of each host')
      const job = controller.store.jobs
        .filter(({ name, status }) => name === 'Day2 | Patch' && status === 'running')
        .at(-1)
      controller.endJob(job?.id ?? 0, { results: { [web1]: 'changed', [db1]: 'failed' }, artifacts: {}, stdout: '' })
    }
    const played = await ask({ ask_hosts: `${web1}, ${db1}`, ask_reason: 'monthly' }, { play: { heard } }).finally(() =>
      held.clear(),
    )
    expect(played.status).toBe(2)
    expect(early).toBe(true)
    expect(plain(played)).toContain('patch came to failed (1 failed, 1 ok). virtbridge runs show')
    expect(played.artifacts).toMatchObject({ ask_outcome: 'failed', ask_ok_hosts: [web1], ask_not_ok_hosts: [db1] })
    await expect.poll(() => controller.store.jobs.must(played.job.id).status, SOON).toBe('failed')
    const shown = blocksOf(page('docs/operators.md')).filter(block => /^(TASK|fatal)/.test(block))
    expect(shown).toHaveLength(4)
    for (const block of shown) expect(shapeOf(played.stdout)).toContain(shapeOf(block))
  })

  test('says whom by a ring and what by variables, and may have it only looked at', async () => {
    const played = await ask({
      ask_ring: 'canary',
      ask_reason: 'just looking',
      ask_dry_run: 'yes',
      patch_hosts_reboot: 'if_required',
    })
    expect(played.status, played.stdout).toBe(0)
    expect(played.artifacts).toMatchObject({ ask_ok_hosts: [web2] })
    const run = (await bridge.api.get(`/api/v1/runs/${String(played.artifacts['ask_run'])}`)) as Run
    expect(run).toMatchObject({ check: true, variables: { patch_reboot: 'if_required' } })
    expect(controller.store.jobs.must(run.job?.id ?? 0)).toMatchObject({ limit: web2, job_type: 'check' })
  })

  test('sees by the job type Check on whom it would launch, and starts nothing', async () => {
    const before = (await runs()).length
    const played = await ask({ ask_hosts: web1, ask_reason: 'just looking' }, { launch: { job_type: 'check' } })
    expect(played.status, played.stdout).toBe(0)
    expect(plain(played)).toContain('patch would be launched now on 1 of 1')
    expect((await runs()).length).toBe(before)
  })

  test('has one run when the same job is begun twice', async () => {
    const played = await ask({ ask_hosts: web1, ask_reason: 'once' })
    const before = (await runs()).length
    const again = await play(controller, played.job, how())
    expect(again.status, again.stdout).toBe(0)
    expect(again.artifacts['ask_run']).toBe(played.artifacts['ask_run'])
    expect((await runs()).length).toBe(before)
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['nobody is named', { ask_reason: 'monthly' }, 'Say whom this is for'],
    ['it is said in two ways', { ask_hosts: web1, ask_ring: 'canary', ask_reason: 'monthly' }, 'Say whom this is for'],
    [
      'nobody has that name, whatever it is to Ansible',
      { ask_hosts: 'all, web-*.shop.prod-1', ask_reason: 'monthly' },
      'no VM is called all, web-*.shop.prod-1',
    ],
  ])('is told what to do when %s, and nothing starts', async (_, answers, message) => {
    const before = (await runs()).length
    const played = await ask(answers)
    expect(played.status).not.toBe(0)
    expect(plain(played)).toContain(message)
    expect((await runs()).length).toBe(before)
  })

  test('is asked for a reason by the survey, and may launch nothing that runs on guests', async () => {
    const unanswered = await launch(PATCH_HOSTS, { ask_hosts: web1 })
    expect([unanswered.status, await unanswered.text()]).toEqual([400, expect.stringContaining('ask_reason') as string])
    const past = await launch('Day2 | Patch', {}, { limit: web1 })
    expect(past.status).toBe(403)
    expect((await launch('Break glass | Patch', {}, { limit: web1 })).status).toBe(403)
  })

  test('never sees the token, however much is shown', async () => {
    const played = await ask({ ask_hosts: web1, ask_reason: 'monthly' }, { play: { verbosity: 4 } })
    expect(played.status, played.stdout).toBe(0)
    expect(played.stdout + played.stderr + played.argv.join(' ')).not.toContain(SECRET)
    const refused = await ask(
      { ask_hosts: web1, ask_reason: 'monthly' },
      {
        play: {
          verbosity: 4,
          inputs: { 'virtbridge operators': { url: bridge.url, token: 'a-wrong-token-of-somebody' } },
        },
      },
    )
    expect(plain(refused)).toContain('a valid bearer token is needed')
    expect(refused.stdout + refused.stderr).not.toContain('a-wrong-token-of-somebody')
  })

  test('is told soon when virtbridge does not answer', async () => {
    const inputs = { 'virtbridge operators': { url: 'http://127.0.0.1:9', token: SECRET } }
    const launched = await launch(PATCH_HOSTS, { ask_hosts: web1, ask_reason: 'monthly' })
    expect(launched.status).toBe(201)
    const played = await playNewest(controller, PATCH_HOSTS, how({ inputs, args: ['--extra-vars=ask_patience=1'] }))
    expect(played.status).not.toBe(0)
    expect(plain(played)).toContain('virtbridge at http://127.0.0.1:9 does not answer')
  })
})

describe('an operator who has anything else done', () => {
  const RUN_A_VERB = 'Operators | Run a verb'

  test('names a verb, with variables as YAML and a dry run where that is answered', async () => {
    const answers = {
      ask_verb: 'reboot',
      ask_hosts: web2,
      run_verb_variables: 'reboot_policy: if_required',
      ask_dry_run: 'yes',
    }
    const played = await ask({ ...answers, ask_reason: 'after the update' }, { template: RUN_A_VERB })
    expect(played.status, played.stdout).toBe(0)
    expect(plain(played)).toContain('reboot came to ok (1 ok).')
    const run = (await bridge.api.get(`/api/v1/runs/${String(played.artifacts['ask_run'])}`)) as Run
    expect(run).toMatchObject({ verb: 'reboot', check: true, variables: { reboot_policy: 'if_required' } })
    expect(run.reason).toBe('after the update (alice)')
  })

  test('has answered with text, of which nothing is worked out: not here, and not where the job would run', async () => {
    const before = (await runs()).length
    const marker = join(tmpdir(), `virtbridge-worked-out-${process.pid}`)
    const code = `{{ lookup('pipe', 'touch ${marker}') }}`
    const answers = { ask_verb: 'verify', ask_hosts: web2, run_verb_variables: `note: "${code}"`, ask_reason: code }
    const played = await ask(answers, { template: RUN_A_VERB })
    expect(played.status).toBe(2)
    expect(plain(played)).toContain('note holds a template expression')
    expect(existsSync(marker)).toBe(false)
    expect((await runs()).length).toBe(before)
  })

  test('is told which verbs there are when nobody knows the one that was named, and nothing starts', async () => {
    const before = (await runs()).length
    const answers = { ask_verb: 'nonsense', ask_hosts: web2, ask_reason: 'just looking' }
    const played = await ask(answers, { template: RUN_A_VERB })
    expect(played.status).toBe(2)
    for (const word of ['knows no verb and no job template \\"nonsense\\"', 'snapshot', 'verify'])
      expect(plain(played)).toContain(word)
    expect((await runs()).length).toBe(before)
  })

  test('goes back to a snapshot by the id that its job shows at its end', async () => {
    const whom = { ask_hosts: web1, ask_reason: 'before the update' }
    const took = await ask({ ...whom, ask_verb: 'snapshot' }, { template: RUN_A_VERB })
    const [, id = ''] = /"ask_run": "([^"]+)"/.exec(took.stdout) ?? []
    const back = await ask({ ...whom, go_back_run: id }, { template: 'Operators | Go back' })
    expect(back.status, back.stdout).toBe(0)
    const run = (await bridge.api.get(`/api/v1/runs/${String(back.artifacts['ask_run'])}`)) as Run
    expect(run).toMatchObject({ verb: 'restore', variables: { restore_run: id } })
    expect(run.hosts.map(({ host }) => host)).toEqual([web1])
    const listed = await virtbridge(['runs', 'of', web1], {
      VIRTBRIDGE_URL: bridge.url,
      VIRTBRIDGE_TOKEN: bridge.token,
    })
    expect(listed.out).toContain(id)
  })
})

describe('what is told of a run while it goes on', () => {
  interface Followed {
    readonly times: readonly { readonly at: number; readonly lines: readonly string[] }[]
    readonly watched: number
    /** Bytes of what is kept of it from one time to the next. */
    readonly said: number
  }
  type Progress = readonly { host: string; state: string; done: number; changed: number; task: string }[]
  const on = (count: number, how: (index: number) => Partial<Progress[number]>): Progress =>
    Array.from({ length: count }, (_, index) => ({
      host: `vm-${index}.shop.prod-1`,
      state: 'runs',
      done: 1,
      changed: 0,
      task: 'Upgrade',
      ...how(index),
    }))
  const run = (hosts: Progress | null, status = 'following'): object => ({
    status,
    job: { id: 14 },
    hosts: hosts ?? [],
    message: '',
    created_at: 0,
    left_out: [],
    progress: hosts === null ? null : { task: 'Upgrade', hosts },
  })

  async function followed(answers: readonly (readonly [object, number, boolean?])[], older = false): Promise<Followed> {
    const module = new URL('../../playbooks/operators/roles/ask/library/virtbridge_run.py', import.meta.url).pathname
    const driver = new URL('../support/follow-run.py', import.meta.url).pathname
    const input = JSON.stringify({ answers: answers.map(([run, looks, moves]) => ({ run, looks, moves })), older })
    const { stdout, stderr } = await runToEnd('python3', [driver, module], { env: environment.env, input })
    expect(stderr).toBe('')
    return JSON.parse(stdout) as Followed
  }
  const lines = ({ times }: Followed): readonly (readonly string[])[] => times.map(each => each.lines)

  test('is what is new alone, and does nothing to a terminal, whatever a task is called', async () => {
    const task = '\u001b[2J\u009b31m\u202e{{ 7 }}\nok: [x]'
    const first = on(2, index => (index === 0 ? { task } : {}))
    const second = on(2, index => (index === 0 ? { task, done: 2 } : {}))
    const all = await followed([
      [run(first), 5],
      [run(second), 50],
      [run(second, 'finished'), 1],
    ])
    expect(lines(all)).toEqual([
      [
        'following (job 14) on 2',
        'vm-0.shop.prod-1: 1 done, 0 changed: ?[2J?31m?{{ 7 }}?ok: [x]',
        'vm-1.shop.prod-1: 1 done, 0 changed: Upgrade',
      ],
      ['vm-0.shop.prod-1: 2 done, 0 changed: ?[2J?31m?{{ 7 }}?ok: [x]'],
      ['finished (job 14) on 2'],
    ])
    // Each half minute, so that the bridge goes on looking.
    expect(all.watched).toBeGreaterThan(3)
  })

  test('names the step that the run is at, where its verb has steps', async () => {
    const steps = ['precheck', 'patch'].map(name => ({ name }))
    const at = (step: number, status?: string): object => ({ ...run(null, status), steps, step })
    const all = await followed([
      [at(0), 20],
      [at(1), 20],
      [at(1, 'finished'), 1],
    ])
    expect(lines(all)).toEqual([
      ['step precheck (1 of 2): following (job 14) on 0'],
      ['step patch (2 of 2): following (job 14) on 0'],
      ['finished (job 14) on 0'],
    ])
  })

  test('of 10,000 hosts is how many are how far, and the first hundred that fail', async () => {
    const at = (failed: number): object =>
      run(on(10_000, index => ({ state: index < failed ? 'failed' : index < 9_000 ? 'runs' : 'waits' })))
    const all = await followed([
      ...[0, 50, 150, 5_000].map(failed => [at(failed), 20] as const),
      [
        run(
          on(10_000, () => ({})),
          'finished',
        ),
        1,
      ],
    ])
    const told = lines(all).flat()
    expect(told.filter(line => line.includes(': failed'))).toHaveLength(100)
    expect(told).toContain('1000 not begun, 4000 under way, 5000 failed; at: Upgrade')
    expect(told.length).toBeLessThan(110)
    expect(all.said).toBeLessThan(32_768)
  })

  test('comes ever more seldom, a hundred times at most, and with a bridge that can not look is where the run stands alone', async () => {
    const day = 24 * 1_800
    const busy = await followed([
      [run(on(1, () => ({}))), day, true],
      [run(null, 'finished'), 1],
    ])
    expect(busy.times).toHaveLength(101)
    expect(busy.times[1]?.at).toBeLessThan(10)
    expect(busy.times.at(-2)?.at).toBeGreaterThan(12 * 3_600)
    const older = await followed(
      [
        [run(null), 100],
        [run(null, 'finished'), 1],
      ],
      true,
    )
    expect(lines(older)).toEqual([['following (job 14) on 0'], ['finished (job 14) on 0']])
    expect(older.watched).toBe(1)
  })
})

describe('a workflow that patches with a way back', () => {
  const answers = { ask_hosts: `${web1},${db1}`, ask_reason: 'monthly patches' }

  interface Walk {
    /** The status of each step's play. */
    readonly came: Readonly<Record<string, number | null>>
    /** What its runs were: verb, hosts, variables. */
    readonly asked: readonly (readonly [string, readonly string[], object])[]
    readonly left: Readonly<Record<string, unknown>>
    /** What the steps printed. */
    readonly told: Readonly<Record<string, string>>
    readonly messages: readonly Message[]
  }

  /** As a controller does: each step after the one before it, whatever that came to; what a step leaves is given to all that follow it, and what was answered wins. */
  async function walk(spoilt: Readonly<Record<string, object>> = {}, whom: object = answers): Promise<Walk> {
    const [workflow] = readObjectFiles(SHIPPED_OBJECTS).flatMap(
      document => (document as { controller_workflows?: Workflow[] }).controller_workflows ?? [],
    )
    const before = new Set((await runs()).map(({ id }) => id))
    await using tickets = await startTickets()
    const env = { VIRTBRIDGE_TROUBLE_URL: tickets.url, VIRTBRIDGE_TROUBLE_TOKEN: TROUBLE }
    let left: Record<string, unknown> = {}
    const came: Record<string, number | null> = {}
    const told: Record<string, string> = {}
    for (const { identifier, unified_job_template: template, extra_data } of workflow?.simplified_workflow_nodes ??
      []) {
      const more = { ...(identifier === 'tell' ? { env } : {}), ...spoilt[identifier] }
      const played = await ask({ ...extra_data, ...left, ...whom }, { template, play: more })
      left = { ...left, ...played.artifacts }
      came[identifier] = played.status
      told[identifier] = plain(played)
      expect(played.stdout + played.stderr).not.toContain(TROUBLE)
    }
    const done = (await runs()).filter(({ id }) => !before.has(id)).toReversed()
    const asked = done.map(async ({ id }) => {
      const run = (await bridge.api.get(`/api/v1/runs/${id}`)) as Run
      return [run.verb, run.hosts.map(({ host }) => host).toSorted(), run.variables ?? {}] as const
    })
    return { came, asked: await Promise.all(asked), left, told, messages: tickets.messages }
  }

  test('takes the ring step by step, and only the host that went wrong goes back, to the snapshot of that workflow; people are told', async () => {
    const { came, asked, left, told, messages } = await walk()
    expect(came, JSON.stringify(told)).toEqual({
      snapshot: 0,
      precheck: 0,
      patch: 2,
      reboot: 0,
      verify: 0,
      restore: 0,
      tell: 2,
    })
    const took = (left['ask_runs'] as Record<string, string>)['snapshot']
    expect(asked).toEqual([
      ['snapshot', [db1, web1], {}],
      ['precheck', [db1, web1], {}],
      ['patch', [db1, web1], { patch_reboot: 'never' }],
      ['reboot', [web1], { reboot_policy: 'if_required' }],
      ['verify', [web1], {}],
      ['restore', [db1], { restore_run: took }],
    ])
    expect(told['tell']).toContain(`1 thing went wrong: monthly patches. Hosts: ${db1}. People were told.`)
    expect(messages).toEqual([
      {
        authorization: `Bearer ${TROUBLE}`,
        body: expect.objectContaining({
          title: '1 thing went wrong: monthly patches',
          what: 'workflow_failed',
          subject: db1,
          hosts: [expect.objectContaining({ host: db1, verb: 'patch', outcome: 'failed' }) as object],
        }) as object,
      },
    ])
  })

  test('puts no host back that no step has changed, as its play says, and every other one on which a step went wrong', async () => {
    plays.set(`patch ${db1}`, { outcome: 'failed', changed: false })
    plays.set(`patch ${web1}`, { outcome: 'changed', changed: false })
    plays.set(`patch ${web3}`, { outcome: 'changed', changed: true })
    plays.set(`reboot ${web1}`, { outcome: 'changed', changed: false })
    plays.set(`reboot ${web3}`, { outcome: 'changed', changed: false })
    plays.set(`verify ${web1}`, { outcome: 'failed', changed: false })
    plays.set(`verify ${web3}`, { outcome: 'failed', changed: false })
    const all = { ...answers, ask_hosts: `${web1},${web3},${db1}` }
    const { came, asked, told, messages } = await walk({}, all).finally(() => plays.clear())
    expect(came, JSON.stringify(told)).toMatchObject({ patch: 2, verify: 2, restore: 0, tell: 2 })
    expect(asked.map(([verb, hosts]) => [verb, hosts])).toEqual([
      ['snapshot', [db1, web1, web3]],
      ['precheck', [db1, web1, web3]],
      ['patch', [db1, web1, web3]],
      ['reboot', [web1, web3]],
      ['verify', [web1, web3]],
      ['restore', [web3]],
    ])
    const hosts = [db1, web1, web3].map(host => expect.objectContaining({ host }) as object)
    expect(messages).toMatchObject([{ body: { title: '3 things went wrong: monthly patches', hosts } }])
  })

  test('only looks by a dry run, step for step: no snapshot, no reboot, nobody goes back, and no ticket', async () => {
    const jobs = new Set(controller.store.jobs.filter(() => true).map(({ id }) => id))
    const { came, asked, told, messages } = await walk({}, { ...answers, ask_dry_run: 'yes', run_verb_reboot: 'never' })
    expect(came, JSON.stringify(told)).toMatchObject({ snapshot: 0, patch: 2, reboot: 0, restore: 0, tell: 2 })
    expect(asked).toEqual([
      ['snapshot', [db1, web1], {}],
      ['precheck', [db1, web1], {}],
      ['patch', [db1, web1], { patch_reboot: 'never' }],
      ['reboot', [web1], { reboot_policy: 'never' }],
      ['verify', [web1], {}],
    ])
    const launched = controller.store.jobs.filter(({ id, name }) => !jobs.has(id) && name.startsWith('Day2 | '))
    expect(launched.map(({ job_type }) => job_type)).toEqual(Array.from({ length: 5 }, () => 'check'))
    expect(told['tell']).toContain(`Hosts: ${db1}. People were not told: this was a dry run.`)
    expect(messages).toEqual([])
  })

  test('fails, and touches nothing, when its first step could ask nobody', async () => {
    const inputs = { 'virtbridge operators': { url: 'http://127.0.0.1:9', token: SECRET } }
    const { came, asked, told, messages } = await walk({
      snapshot: { inputs, args: ['--extra-vars=ask_patience=1'] },
    })
    expect(came, JSON.stringify(told)).toEqual({
      snapshot: 2,
      precheck: 2,
      patch: 2,
      reboot: 2,
      verify: 2,
      restore: 0,
      tell: 2,
    })
    expect(asked).toEqual([])
    expect(told['precheck']).toContain('the step before it, snapshot, did not say how it ended')
    expect(messages).toMatchObject([
      {
        body: {
          title: 'it is not known how snapshot ended: monthly patches',
          silent: ['snapshot', 'precheck', 'patch', 'reboot', 'verify'],
          hosts: [],
          unknown: [],
        },
      },
    ])
  })

  test('goes no further on hosts of which it is not known how they were patched, puts none back for that, and names them', async () => {
    const inputs = { 'virtbridge operators': { url: bridge.url, token: 'a-wrong-token-of-somebody' } }
    const { came, asked, left, told, messages } = await walk({ patch: { inputs } })
    expect(came, JSON.stringify(told)).toEqual({
      snapshot: 0,
      precheck: 0,
      patch: 2,
      reboot: 2,
      verify: 2,
      restore: 0,
      tell: 2,
    })
    expect(asked.map(([verb]) => verb)).toEqual(['snapshot', 'precheck'])
    const took = (left['ask_runs'] as Record<string, string>)['snapshot']
    expect(messages).toMatchObject([
      { body: { silent: ['patch', 'reboot', 'verify'], unknown: [db1, web1], snapshot_run: took } },
    ])
    expect(told['tell']).toContain('People were told.')
    for (const text of ['patch', db1, web1, took]) expect(told['tell']).toContain(text)
  })
})

test('the last step of a workflow says why people were not told', async () => {
  const played = await ask(
    { tell_steps: ['patch'], ask_reason: 'monthly' },
    { template: 'Operators | Tell how it went' },
  )
  expect(played.status).toBe(2)
  expect(plain(played)).toContain(
    'it is not known how patch ended: monthly. Hosts: none is known. People were not told: the credential virtbridge trouble names no URL.',
  )
})

test('what was done stands in the record of the host, with who asked for it', async () => {
  const { out } = await virtbridge(['explain', 'vm', web1], {
    VIRTBRIDGE_URL: bridge.url,
    VIRTBRIDGE_TOKEN: bridge.token,
  })
  expect(out).toMatch(/^patch +ok: .*by operators/m)
})

test('what was done while the glass was broken is told as operators.md shows', async () => {
  const { sources, hosts } = controller.store
  const source = sources.find(({ name }) => name === 'virtbridge')?.id ?? 0
  const headers = (token: string): Record<string, string> => ({
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
  })
  const update = `${controller.url}/api/v2/inventory_sources/${source}/update/`
  expect((await fetch(update, { method: 'POST', headers: headers(OWN), body: '{}' })).status).toBe(202)
  await expect.poll(() => hosts.find(({ name }) => name === web2)?.enabled, SOON).toBe(true)
  const { id } = controller.store.templates.find(({ name }) => name === 'Break glass | Patch') ?? { id: 0 }
  const launched = await fetch(`${controller.url}/api/v2/job_templates/${id}/launch/`, {
    method: 'POST',
    headers: headers(BOB),
    body: JSON.stringify({
      limit: web2,
      extra_vars: {
        virtbridge_break_glass_reason: 'CVE-2026-1, and the bridge is down',
        virtbridge_expected_count: 1,
        patch_reboot: 'never',
      },
    }),
  })
  expect(launched.status, await launched.clone().text()).toBe(201)
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await virtbridge(args, { VIRTBRIDGE_URL: bridge.url, VIRTBRIDGE_TOKEN: bridge.token })).out
  await expect.poll(() => ask('explain', 'vm', web2), SOON).toMatch(/^patch +ok: .*by controller:bob/m)
  const told = await ask('explain', 'vm', web2)
  const [, run = ''] = /\(run (\S+), by controller:bob/.exec(told) ?? []

  const [shown = ''] = blocksOf(page('docs/operators.md')).filter(block => block.startsWith('$ virtbridge explain'))
  const printed = `$ virtbridge explain vm ${web2}\n${told}\n\n$ virtbridge runs show ${run}\n${await ask('runs', 'show', run)}`
  expect(shapeOf(shown)).toBe(shapeOf(printed))
})
