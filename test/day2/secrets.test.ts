import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  KEY_SIZE,
  type RunCommand,
  type SealedSecrets,
  type SealingKey,
  sealingKey,
  Vault,
} from '../../src/day2/index.ts'
import { Fault } from '../../src/errors.ts'
import type { Stored } from '../../src/log/index.ts'
import type { ControllerObjects } from '../../src/simulator/controller/index.ts'
import { guest, hostOf, uuid } from './guest.ts'
import { bytesOfLog } from './log-place.ts'
import { LAUNCH, names, PATCH, startWorld, TOKEN, type World, type WorldOptions } from './world.ts'

/** As a play, a controller or a log might write it, it is still found. */
const VALUE = 'Sesame-Opens-42'
const FOUND = /sesame-opens/i
const RUN = uuid(70_001)
const OLD = sealingKey(Buffer.alloc(KEY_SIZE, 1))
const NEW = sealingKey(Buffer.alloc(KEY_SIZE, 2))

const NONE = { min: null, max: null, default: '', choices: [], required: false }
const QUESTIONS = [
  { ...NONE, variable: 'db_password', type: 'password' },
  { ...NONE, variable: 'motd', type: 'text' },
]

function withSurvey(objects: ControllerObjects): void {
  objects.templates = objects.templates.map(template =>
    template.name === PATCH ? { ...template, survey_enabled: true, survey: QUESTIONS } : template,
  )
}

interface Site extends World {
  /** The keys of the bridge that dispatches, which may be changed. */
  readonly keys: { now: readonly SealingKey[] }
  wish(secrets?: Record<string, string>, more?: Partial<RunCommand>): Promise<void>
}

/** A site with a key, whose template of `patch` asks for a password. */
async function site(options: WorldOptions = {}): Promise<Site> {
  const keys = { now: [OLD] as readonly SealingKey[] }
  const vault = new Vault(() => keys.now)
  const world = await startWorld({ objects: withSurvey, vault, ...options })
  world.put(guest('web-1', { adopted: true }), guest('web-2', { adopted: true }))
  await world.sync()
  const wish = async (secrets: Record<string, string> = { db_password: VALUE }, more: Partial<RunCommand> = {}) => {
    const { id = RUN } = more
    const sealed = new Vault(() => [OLD]).seal(id, secrets)
    await world.command({ schema: 3, id, hosts: names('web-1'), secrets: sealed, ...more })
  }
  return Object.assign(world, { keys, wish })
}

/** Every record that the log has now, with every version of it, as text. */
async function everyRecord({ log }: World): Promise<string> {
  const all: Stored[] = []
  for (const stream of ['commands', 'state.runs', 'events.day2', 'events.dead'] as const) {
    for (let page = await log.page(stream, '0', 500); page.length > 0;) {
      all.push(...page)
      page = await log.page(stream, page.at(-1)?.position ?? '0', 500)
    }
  }
  return JSON.stringify(all)
}

/** What the bridge shows of a world: its records, its files, its ledger, its reports, and itself. */
async function everything(world: Site): Promise<string> {
  const shown = inspect([world.ledger, world.dispatcher, world.client], { depth: 12, showHidden: true })
  const told = JSON.stringify([world.reports, world.runs(), world.ledger.results(RUN), await world.events()])
  return [await everyRecord(world), await bytesOfLog(), shown, told].join('\n')
}

async function jobShown(world: Site): Promise<string> {
  const [job] = world.launches()
  const answer = await fetch(`${world.controller.url}/api/v2/jobs/${job?.id ?? 0}/`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  return answer.text()
}

describe('a run with a secret', () => {
  test('whose template asks for it: the job gets it, and nothing but the job has it', async () => {
    await using world = await site()
    await world.wish({ db_password: VALUE }, { variables: { motd: 'hello' } })
    await world.settle()
    expect(world.launches()[0]?.extra_vars).toMatchObject({ db_password: VALUE, motd: 'hello' })
    expect(await jobShown(world)).toContain(String.raw`\"db_password\": \"$encrypted$\"`)
    expect(world.run()).toMatchObject({ schema: 4, outcome: 'ok', variables: { motd: 'hello' } })
    expect(Object.keys(world.run().secrets ?? {})).toEqual(['db_password'])
    expect(await everything(world)).not.toMatch(FOUND)
    expect(await jobShown(world)).not.toMatch(FOUND)
  })

  test('has it sealed until it was launched; from then on nobody can open it, and it still tells whether another is the same', async () => {
    await using world = await site({ outcome: () => ({ outcome: 'ok', ms: 60_000 }) })
    await world.wish()
    await world.until(() => world.runs()[0]?.status === 'following')
    const vault = new Vault(() => [OLD])
    const left = world.run().secrets ?? {}
    expect(() => vault.open(RUN, left)).toThrow(/was dropped after its launch/)
    expect([vault.areSame(RUN, left, { db_password: VALUE }), vault.areSame(RUN, left, { db_password: 'x' })]).toEqual([
      true,
      false,
    ])
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'ok' })
  })

  test('that the play quotes in a failure, in a task and in what it returns: none of it is kept, and the run says so', async () => {
    const artifacts = { virtbridge: { [hostOf('web-1')]: { verb: 'patch', outcome: VALUE } }, other: VALUE }
    await using world = await site({
      outcome: () => ({ outcome: 'failed', message: `wrong: ${VALUE}`, ms: 9_000, artifacts }),
    })
    await world.wish()
    await world.until(() => world.runs()[0]?.status === 'following')
    await world.log.append([
      { stream: 'commands', key: 'w', value: { schema: 1, kind: 'watch', id: 'w', run: RUN, at: world.clock.now() } },
    ])
    await world.settle()
    expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'failed' })
    expect(world.run().message).toContain('why a host failed is not kept, as the job had secrets')
    expect(await everything(world)).not.toMatch(FOUND)
  })

  test('opened by a key that does not seal any more: so it was rotated', async () => {
    await using world = await site()
    world.keys.now = [NEW, OLD]
    await world.wish()
    await world.settle()
    expect(world.run()).toMatchObject({ outcome: 'ok' })
  })

  test('whose lost launch is done again gets it again', async () => {
    await using world = await site()
    world.controller.faults.add(LAUNCH, { kind: 'drop-before-commit' })
    await world.wish()
    await world.until(() => world.runs()[0]?.status === 'searching', 10)
    await world.restart({ reopen: true })
    await world.settle()
    expect(world.launches().map(job => job.extra_vars['db_password'])).toEqual([VALUE])
    expect(world.run()).toMatchObject({ outcome: 'ok', attempts: 2 })
    expect(await everything(world)).not.toMatch(FOUND)
  })

  test('whose launch was there all along opens nothing more: its key may be gone by then', async () => {
    await using world = await site()
    world.controller.faults.add(LAUNCH, { kind: 'commit-then-drop' })
    await world.wish()
    await world.until(() => world.runs()[0]?.status === 'searching', 10)
    world.keys.now = []
    await world.settle()
    expect(world.launches()).toHaveLength(1)
    expect(world.run()).toMatchObject({ outcome: 'ok' })
  })

  test('asked for twice by one key with another secret: the first runs, the other is refused on record, and so it is after a rotation', async () => {
    await using world = await site()
    await world.wish()
    await world.wish({ db_password: `${VALUE}!` })
    await world.wish()
    await world.settle()
    world.keys.now = [NEW, OLD]
    for (const text of [VALUE, `${VALUE}?`]) {
      const secrets = new Vault(() => [NEW]).seal(RUN, { db_password: text })
      await world.wish({}, { secrets })
    }
    await world.settle()
    expect(world.jobs()).toHaveLength(1)
    expect(world.runs().filter(({ outcome }) => outcome === 'refused')).toHaveLength(2)
    const told = world.runs().filter(({ message }) => message.includes(`was used for run ${RUN}`))
    expect(told).toHaveLength(2)
    expect(JSON.stringify([world.runs(), world.reports])).not.toMatch(FOUND)
  })

  test('shares its job with no other, whether their secrets are the same or not', async () => {
    await using world = await site()
    await world.wish({ db_password: VALUE })
    await world.wish({ db_password: VALUE }, { id: uuid(70_002), hosts: names('web-2') })
    await world.settle()
    expect(
      world
        .launches()
        .map(job => job.limit)
        .sort(),
    ).toEqual(names('web-1', 'web-2'))
  })
})

describe('nothing is launched when', () => {
  const refused: [string, WorldOptions, (world: Site) => void, RegExp][] = [
    [
      'the survey has no such question',
      { objects: objects => withQuestions(objects, QUESTIONS.slice(1)) },
      () => undefined,
      /its survey asks for no password db_password: every reader of the job would see it; to mend it, add a question/,
    ],
    [
      'the question is not for a password',
      { objects: objects => withQuestions(objects, [{ ...NONE, variable: 'db_password', type: 'text' }]) },
      () => undefined,
      /its survey asks for no password db_password/,
    ],
    ['there is no survey', { objects: () => undefined }, () => undefined, /it has no survey that asks for no password/],
    [
      'this bridge has no key',
      {},
      world => void (world.keys.now = []),
      new RegExp(`the secret db_password was sealed with the key ${OLD.id}, which is not there \\(none is configured`),
    ],
    [
      'the key was rotated away',
      {},
      world => void (world.keys.now = [NEW]),
      new RegExp(
        `sealed with the key ${OLD.id}, which is not there \\(there are ${NEW.id}\\); add that key to secrets`,
      ),
    ],
  ]

  test.each(refused)('%s: the run ends with that reason', async (_, options, change, reason) => {
    await using world = await site(options)
    change(world)
    await world.wish()
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused' })
    expect(world.details()[hostOf('web-1')]).toMatch(reason)
    expect(await everything(world)).not.toMatch(FOUND)
  })

  test('the key goes in the last moment, when the intent is on record', async () => {
    let looks = 0
    await using world = await site({ vault: new Vault(() => (looks++ === 0 ? [OLD] : [])) })
    await world.wish()
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.run()).toMatchObject({ outcome: 'refused', attempts: 1 })
    expect(world.details()[hostOf('web-1')]).toMatch(/is not there \(none is configured here\)/)
  })

  test('it was sealed for another run, or for another variable', async () => {
    const moves: ((sealed: SealedSecrets) => SealedSecrets)[] = [
      () => new Vault(() => [OLD]).seal(uuid(70_009), { db_password: VALUE }),
      () => {
        const { other = { sealed: '' } } = new Vault(() => [OLD]).seal(RUN, { other: VALUE })
        return { db_password: other }
      },
      ({ db_password }) => ({ db_password: { sealed: `${db_password?.sealed.slice(0, -6) ?? ''}AAAAAA` } }),
    ]
    for (const move of moves) {
      await using world = await site()
      const secrets = move(new Vault(() => [OLD]).seal(RUN, { db_password: VALUE }))
      await world.command({ schema: 3, id: RUN, hosts: names('web-1'), secrets })
      await world.settle()
      expect(world.jobs()).toEqual([])
      expect(world.details()[hostOf('web-1')]).toMatch(/is not as it was sealed for this run: somebody changed the log/)
    }
  })

  test('a password question is answered in clear, by whatever name', async () => {
    const questions = [{ ...NONE, variable: 'pin', type: 'password' }]
    await using world = await site({ objects: objects => withQuestions(objects, questions) })
    await world.command({ schema: 2, hosts: names('web-1'), variables: { pin: 'Any-Text' } })
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.details()[hostOf('web-1')]).toMatch(/asks for pin as a password, .* give it as a secret/)
  })

  test.each([
    ['a name that is not for a run to say', { ansible_password: VALUE }, /^ansible_password is not for a run to say/],
    [
      'more than there may be',
      Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`s${at}`, VALUE])),
      /17 secrets/,
    ],
  ])('it has %s, whoever wrote the command', async (_, secrets, reason) => {
    await using world = await site()
    await world.wish(secrets)
    await world.settle()
    expect(world.jobs()).toEqual([])
    expect(world.details()[hostOf('web-1')]).toMatch(reason)
  })
})

test('a question that changes between the look and the launch: the job is cancelled at once, and the alarm says what to do', async () => {
  await using world = await site({
    outcome: () => ({ outcome: 'ok', ms: 60_000 }),
    controllerOf: client => ({
      ...client,
      launch: (template, request, still) => {
        const [known] = [...world.controller.store.templates.all()].filter(each => each.name === PATCH)
        if (known !== undefined) known.survey = known.survey.map(each => ({ ...each, type: 'text' }))
        return client.launch(template, request, still)
      },
    }),
  })
  await world.wish()
  await world.settle()
  expect(world.jobs()).toMatchObject([{ status: 'canceled' }])
  expect(world.said('alarm').join()).toContain('db_password is not hidden: every reader of the job sees this secret')
  expect(world.outcomes()).toEqual({ [hostOf('web-1')]: 'unknown' })
  expect(await everything(world)).not.toMatch(FOUND)
})

function withQuestions(objects: ControllerObjects, survey: typeof QUESTIONS): void {
  objects.templates = objects.templates.map(template =>
    template.name === PATCH ? { ...template, survey_enabled: true, survey } : template,
  )
}

test('a key that can not be read keeps no run from its launch that has no secrets: it is not even looked for', () => {
  const vault = new Vault(() => {
    throw new Fault('sealing_key', 'the sealing key is gone', { hint: 'bring it back' })
  })
  expect(vault.whyShut({})).toBe('')
  expect(vault.areSame(RUN, {}, {})).toBe(true)
  expect(vault.whyShut({ db_password: { sealed: 'v1.0.0.0' } })).toBe('the sealing key is gone; bring it back')
})
