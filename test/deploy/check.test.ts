import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Finding } from '../../src/check/check.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import { virtbridge } from '../cli/console.ts'
import { startClusters } from '../service/clusters.ts'
import { fileIn, temporaryFolder } from '../support/bridge.ts'

const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const PLAYBOOKS = new URL('../../playbooks/', import.meta.url)
const TOKEN = 'a-token-of-the-bridge'
const RULEBOOKS = 'a-token-of-rulebooks'

/** A configuration for the inventory of verbs that need the VM alone, as deploy/aap has it. */
const BESIDE = {
  controller: { beside_inventory: 'virtbridge beside guests' },
  inventory: { views: [{ name: 'beside-guests', enabled: 'known' }] },
}

/**
 * What `virtbridge check` says of a controller with the shipped objects, of each verb that has a play; `spoil` changes the objects before,
 * `more` is of the configuration.
 */
async function checked(
  spoil: (objects: ReturnType<typeof loadObjects>) => void = () => {},
  more: { readonly controller?: object; readonly inventory?: object; readonly verbs?: object } = BESIDE,
  before: (controller: SimulatedController) => Promise<void> = async () => {},
  rulebookVerbs: readonly string[] = [],
): Promise<readonly Finding[]> {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1')
  const objects = loadObjects(readObjectFiles(DEPLOY, rulebookVerbs))
  spoil(objects)
  const expires = Date.now() + 365 * 86_400_000
  await using controller = await startSimulatedController({
    objects,
    tokens: {
      [TOKEN]: { user: 'virtbridge', scope: 'write', description: 'virtbridge', expires },
      [RULEBOOKS]: { user: 'virtbridge-rulebooks' },
    },
  })
  await before(controller)
  const plays = readdirSync(PLAYBOOKS).filter(name => name.endsWith('.yml'))
  const config = {
    log: { path: './check.db' },
    clusters: clusters.config,
    ...more,
    controller: { url: controller.url, token: { env: 'OWN' }, ...more.controller },
    verbs: { ...Object.fromEntries(plays.map(name => [name.replace('.yml', ''), {}])), ...more.verbs },
  }
  const file = await fileIn(folder.path, 'virtbridge.yaml', stringify(config))
  const { out } = await virtbridge(['check', '-c', file, '--json'], { OWN: TOKEN })
  return (JSON.parse(out) as Finding[]).filter(({ what }) => /controller|inventory|job|verb/.test(what))
}

test('finds nothing to mend at a controller with these objects, for any verb', async () => {
  const findings = await checked()
  const verbs = readdirSync(PLAYBOOKS).filter(name => name.endsWith('.yml'))
  const templates = findings.filter(({ what }) => what.startsWith('job template'))
  const [broken, usual] = [true, false].map(is => templates.filter(({ what }) => what.includes('Break glass') === is))
  expect(usual).toHaveLength(verbs.length)
  expect(broken?.map(({ what }) => what).sort()).toEqual(
    ['Configure', 'Patch', 'Precheck', 'Reboot', 'Verify'].map(verb => expect.stringContaining(`Break glass | ${verb}`)),
  )
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

test('tells of a template of which no dry run can be launched, as that is no fault, with what to do', async () => {
  const findings = await checked(objects => {
    const prompts = objects.templates.find(({ name }) => name === 'Day2 | Reboot')?.prompts
    if (prompts !== undefined) prompts['job_type'] = false
  })
  expect(findings.filter(({ hint }) => hint !== '')).toEqual([
    {
      what: 'job template "Day2 | Reboot" (reboot)',
      result: 'ok',
      detail: 'does not prompt for the job type: dry runs of it are refused',
      hint: 'for dry runs, switch on "Prompt on launch" for Job type',
    },
  ])
})

test('and each launch hazard that there is stands, with what to set, in the page for who sets up a controller', () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  const source = ['template', 'source'].map(of => read(`src/aap/${of}-hazard.ts`)).join('\n')
  const codes = [...source.matchAll(/(?:stop|warn)\(\s*'([a-z_]+)'/g)].map(([, code = '']) => code)
  expect(new Set(codes).size).toBeGreaterThan(25)
  const page = read('docs/operations/controller.md')
  expect(codes.filter(code => !page.includes(`\`${code}\``))).toEqual([])
})

const wrong = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ result }) => result !== 'ok').map(({ what, detail, hint }) => `${what}: ${detail} | ${hint}`)

describe('of verbs that a rulebook launches it tells', () => {
  const more = { ...BESIDE, verbs: { onboard: { driver: 'eda' } } }
  const onTheirs = (objects: ReturnType<typeof loadObjects>): void => {
    for (const template of objects.templates)
      if (template.name === 'Day2 | Onboard') template.inventory = 'virtbridge rulebooks'
  }

  test('nothing, when their inventory is updated before each job', async () => {
    const findings = await checked(onTheirs, more)
    expect(wrong(findings)).toEqual([])
    expect(findings.map(({ what }) => what)).toContain('inventory source "virtbridge rulebooks" (onboard)')
  })

  test('nothing, of none and of all of them, where the files were applied with the same verbs', async () => {
    const verbs = ['onboard', 'configure', 'patch', 'offboard']
    for (const some of [...verbs.map(verb => [verb]), verbs]) {
      const drivers = Object.fromEntries(some.map(verb => [verb, { driver: 'eda' }]))
      expect(wrong(await checked(() => {}, { ...BESIDE, verbs: drivers }, async () => {}, some)), String(some)).toEqual([])
    }
  })

  test('that nobody updates the inventory for them, in which guests are missing that have just come', async () => {
    expect(wrong(await checked(() => {}, more))).toEqual([
      expect.stringMatching(/^job template "Day2 \| Onboard" \(onboard\): its inventory "virtbridge fleet" is not updated/),
    ])
  })

  test('nothing of off-boarding, when the inventory of stopped VMs is updated before each job; else that it is not', async () => {
    const offboard = { ...BESIDE, verbs: { offboard: { driver: 'eda' } } }
    const updated = await checked(objects => {
      for (const source of objects.inventory_sources)
        if (source.name === 'virtbridge beside guests') source.update_on_launch = true
    }, offboard)
    expect(wrong(updated)).toEqual([])
    expect(wrong(await checked(() => {}, offboard))).toEqual([
      expect.stringMatching(/\(offboard\): its inventory "virtbridge beside guests" is not updated before a job/),
    ])
  })

  test('that its source keeps what is gone', async () => {
    const findings = await checked(objects => {
      onTheirs(objects)
      for (const source of objects.inventory_sources)
        if (source.name === 'virtbridge rulebooks') source.overwrite = false
    }, more)
    expect(wrong(findings)).toEqual([expect.stringMatching(/^inventory source "virtbridge rulebooks" .*keeps hosts/)])
  })
})

describe('a rulebook that launches what virtbridge launches too', () => {
  /** As the rulebook eda-patch does; the status of the answer. */
  async function launch(controller: SimulatedController): Promise<number> {
    const { id } = controller.store.templates.find(({ name }) => name === 'Day2 | Patch') ?? { id: 0 }
    const answer = await fetch(`${controller.url}/api/v2/job_templates/${id}/launch/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${RULEBOOKS}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        limit: 'web-1.shop.prod-1',
        extra_vars: { virtbridge_run_id: 'eda-1', virtbridge_expected_count: 1, virtbridge_verb: 'patch' },
      }),
    })
    return answer.status
  }
  const may = (objects: ReturnType<typeof loadObjects>): void => {
    const role = { user: 'virtbridge-rulebooks', on: 'job_template', name: 'Day2 | Patch', role: 'execute' } as const
    objects.roles = [...(objects.roles ?? []), role]
  }

  test('may not, as long as nobody gives it the right', async () => {
    const findings = await checked(() => {}, BESIDE, async controller => expect(await launch(controller)).toBe(403))
    expect(wrong(findings)).toEqual([])
  })

  test('is told of, unless the driver of the verb is eda', async () => {
    const did = async (controller: SimulatedController): Promise<void> => expect(await launch(controller)).toBe(201)
    const message = /^verb patch: a rulebook launches it, and its driver is bridge: 1 of the last jobs, job \d+ by virtbridge-rulebooks the latest \| switch its activation off/
    expect(wrong(await checked(may, BESIDE, did))).toEqual([expect.stringMatching(message)])
    const eda = await checked(may, { ...BESIDE, verbs: { patch: { driver: 'eda' } } }, did)
    expect(wrong(eda).filter(line => line.startsWith('verb patch'))).toEqual([])
  })

  test('is told of where it is a step of a verb, unless a rulebook is meant to launch its template', async () => {
    const did = async (controller: SimulatedController): Promise<void> => expect(await launch(controller)).toBe(201)
    const steps = [
      { name: 'look', template: 'Day2 | Precheck' },
      { name: 'update', template: 'Day2 | Patch' },
    ]
    const told = async (driver: string): Promise<readonly string[]> => {
      const verbs = { renew: { steps }, patch: { driver } }
      return wrong(await checked(may, { ...BESIDE, verbs }, did)).filter(line => line.startsWith('verb renew'))
    }
    const message = /^verb renew: a rulebook launches its step update, and its driver is bridge: 1 of the last jobs, job \d+ by virtbridge-rulebooks the latest \| switch its activation off.*verb of its own/
    expect(await told('bridge')).toEqual([expect.stringMatching(message)])
    expect(await told('eda')).toEqual([])
  })
})

describe('of verbs beside the guest it tells what is missing', () => {

  test('where the bridge was not told of their inventory', async () => {
    const [first, ...templates] = wrong(await checked(() => {}, {}))
    expect(first).toMatch(
      /^verbs beside the guest: cmdb, dns, .*snapshot: launched on guests that run.* \| set controller\.beside_inventory/,
    )
    // The shipped templates are bound to it.
    expect(templates).toHaveLength(8)
    for (const line of templates) expect(line).toContain('runs on inventory "virtbridge beside guests", not on')
  })

  test('where no view of the bridge is for it', async () => {
    expect(wrong(await checked(() => {}, { controller: BESIDE.controller }))).toEqual([
      expect.stringMatching(/source "virtbridge beside guests": this configuration has no view in .* \| add one:/),
    ])
  })

  test('where its source asks for another view, or for none', async () => {
    const findings = await checked(objects => {
      const source = objects.inventory_sources.find(({ name }) => name === 'virtbridge beside guests')
      delete source?.source_vars
    })
    expect(wrong(findings)).toEqual([
      expect.stringMatching(/it asks for the whole inventory, .* \| .* VIRTBRIDGE_VIEW: beside-guests$/),
    ])
  })

  test('where the controller has no such inventory', async () => {
    const findings = await checked(() => {}, { ...BESIDE, controller: { beside_inventory: 'nowhere' } })
    expect(wrong(findings)).toEqual([expect.stringMatching(/^inventory "nowhere": .*knows no inventory "nowhere"/)])
  })
})
