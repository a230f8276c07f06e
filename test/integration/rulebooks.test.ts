import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Event } from '../../src/event/index.ts'
import type { EventLog } from '../../src/log/index.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import { Activation } from '../eda/activation.ts'
import { catalogueCases } from '../eda/catalogue-cases.ts'
import { keptToTheEnd, readersOf } from '../eda/positions.ts'
import { asking, type Case, entryOf, Guest, sampleOf } from '../eda/feed.ts'
import { fresh, troubleCases } from '../eda/trouble-cases.ts'
import { hostileCases, verbCases } from '../eda/verb-cases.ts'
import { allowInvalidEvents } from '../event/seen.ts'
import { openIn, planOf } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { kafkaShell } from '../servers/kafka-tools.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'

// No bridge tells of hosts that are called `all`: what a rulebook makes of one is what this is about.
allowInvalidEvents()

const ROOT = join(import.meta.dirname, '..', '..')
const TOKEN = 'rulebook-token'
/** The verbs that rulebooks start here: all that they can. */
const STARTED = ['onboard', 'configure', 'patch', 'offboard']
const NAMES = [
  'eda-onboard',
  'eda-configure',
  'eda-patch',
  'eda-offboard',
  'bridge-runs',
  'bridge-guests',
  'bridge-clusters',
]
const SOON = { timeout: 600_000, interval: 50 }
/** By then it was said before what has been waited for. */
const PRINTED = { timeout: 60_000, interval: 50 }

let kafka: KafkaServer
let log: EventLog
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'virtbridge-rulebooks-'))
  kafka = await startKafka()
  // One partition, so that what is told last is seen last.
  log = await openIn(folder, kafka.brokers, { topics: planOf('virtbridge', 1, 1) })
  const shell = await kafkaShell(folder, kafka.brokers)
  await shell.run(await firstPositions())
})
afterAll(async () => {
  await log[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** What docs/eda.md says to do once, before anything of this is started for the first time. */
async function firstPositions(): Promise<readonly string[]> {
  const page = await readFile(join(ROOT, 'docs', 'eda.md'), 'utf8')
  const lines = page.split('\n').map(line => line.trim())
  const from = lines.findIndex(line => line.startsWith('first="kafka-consumer-groups.sh'))
  return lines.slice(from, lines.indexOf('```', from))
}

function startController(): Promise<SimulatedController> {
  const objects = loadObjects(readObjectFiles(new URL('../../deploy/aap/', import.meta.url), STARTED))
  // No bridge is here that an inventory could be filled from.
  for (const source of objects.inventory_sources) source.update_on_launch = false
  return startSimulatedController({
    objects,
    tokens: { [TOKEN]: { user: 'virtbridge-rulebooks' } },
    timing: { pendingMs: 5, waitingMs: 5, playMs: 20, eventsDelayMs: 5 },
  })
}

interface Launch {
  readonly template: string
  readonly limit: string
  readonly variables: Record<string, unknown>
  readonly labels: number
}

/** What was launched for an event. */
function launchesOf(controller: SimulatedController, event: Event): readonly Launch[] {
  return controller.store.jobs.all().flatMap(job => {
    const variables = (typeof job.extra_vars === 'string' ? JSON.parse(job.extra_vars) : job.extra_vars) as Record<
      string,
      unknown
    >
    const about = (variables['notify_event'] as Event | undefined)?.id ?? variables['virtbridge_run_id']
    if (about !== event.id && about !== `eda-${event.id}`) return []
    return [{ template: job.name, limit: job.limit, variables, labels: job.labels.length }]
  })
}

/** Tells each case, and resolves when every rulebook has dealt with all of them. */
async function tell(controller: SimulatedController, cases: readonly Case[]): Promise<void> {
  const entries = cases.flatMap(({ event, told = 1 }) => Array.from({ length: told }, () => entryOf(event)))
  const last = sentinels()
  await log.append([...entries, ...last.map(({ event }) => entryOf(event))])
  await vi.waitFor(() => {
    for (const { event, launches } of last)
      expect(
        launchesOf(controller, event)
          .map(({ template }) => template)
          .sort(),
      ).toEqual(launches)
    expect(controller.store.jobs.filter(({ finished }) => finished === null)).toEqual([])
  }, SOON)
}

/** One event for the last rule that each rulebook has to come to. */
function sentinels(): readonly { event: Event; launches: readonly string[] }[] {
  const verbs = asking('onboard', 'configure', 'patch')
  const asked = new Guest().look({ labels: {} }).look({ labels: verbs }).told('labels_changed')
  const notify = ['Rulebooks | Notify']
  return [
    { event: asked, launches: ['Day2 | Configure', 'Day2 | Onboard', 'Day2 | Patch'] },
    { event: stopped(), launches: ['Day2 | Offboard'] },
    { event: sampleOf('import_failed'), launches: notify },
    { event: fresh('day2.brake_set'), launches: notify },
    { event: fresh('cluster.detached'), launches: notify },
  ]
}

/** What was launched, in words. */
function told(launches: readonly Launch[]): readonly string[] {
  return launches.map(launch => JSON.stringify(launch)).toSorted()
}

/** What should be, in the same words. */
function expected({ event, launches }: Case, labels: number): readonly string[] {
  const { host } = event.data as { host: string }
  const [, , about, fact] = event.type.split('.')
  const launch = (template: string): Launch => {
    const [kind, verb = ''] = template.toLowerCase().split(' | ')
    if (kind === 'day2') {
      const run = { virtbridge_run_id: `eda-${event.id}`, virtbridge_expected_count: 1, virtbridge_verb: verb }
      const gone = { offboard_since: `${event.time.slice(0, 19)}Z`, offboard_fact: fact, offboard_grace: 0 }
      const variables = verb === 'offboard' ? { ...run, ...gone } : run
      return { template, limit: host, variables, labels }
    }
    const [what, severity] = TOLD_AS[`${about}.${fact}`] ?? []
    const variables = { notify_what: what, notify_severity: severity, notify_event: event }
    // The template reaches no guest, whatever is asked for: it does not prompt for the limit.
    return { template, limit: '', variables, labels }
  }
  return launches.map(template => JSON.stringify(launch(template))).toSorted()
}

/** What people are told of a fact, and how much it matters. */
const TOLD_AS: Readonly<Record<string, readonly [string, string]>> = {
  'vm.unreachable': ['agent_lost', 'warning'],
  'vm.address_conflict': ['duplicate_address', 'error'],
  'vm.snapshot_failed': ['snapshot_failed', 'error'],
  'vm.restore_failed': ['snapshot_failed', 'error'],
  'vm.import_failed': ['import_failed', 'error'],
  'day2.run_finished': ['run_failed', 'error'],
  'day2.run_stuck': ['run_stuck', 'warning'],
  'day2.records_lost': ['records_lost', 'critical'],
  'day2.brake_set': ['brake_set', 'critical'],
  'cluster.unreachable': ['cluster_lost', 'critical'],
  'cluster.unavailable': ['cluster_lost', 'critical'],
  'cluster.detached': ['cluster_detached', 'warning'],
}

/** A guest that is to be off-boarded, and stops. */
function stopped(): Event {
  const labels = asking('offboard')
  return new Guest().look({ labels }).stop(labels).told('stopped')
}

/** One event for each rulebook. */
function awaited(): readonly Event[] {
  const labelled = (verb: 'onboard' | 'configure' | 'patch'): Event =>
    new Guest()
      .look({ labels: {} })
      .look({ labels: asking(verb) })
      .told('labels_changed')
  const told = [sampleOf('import_failed'), fresh('day2.run_stuck'), fresh('cluster.detached')]
  return [labelled('onboard'), labelled('configure'), labelled('patch'), stopped(), ...told]
}
const VERBS = ['Day2 | Onboard', 'Day2 | Configure', 'Day2 | Patch', 'Day2 | Offboard']
const AWAITED = [...VERBS, ...Array<string>(3).fill('Rulebooks | Notify')].map(name => [name])

/** What a log says of the guests of these events: for which something was not done, and why, without what follows. */
function refusals(said: string, events: readonly Event[]): readonly string[] {
  const ours = new Set(events.map(({ subject }) => subject))
  const lines = [...said.matchAll(/^(Not [^:;]*)(?:; [^:]*)?: ([a-z0-9/-]*)/gm)]
  const about = lines.filter(([, , whom = '']) => ours.has(whom))
  return [...new Set(about.map(([, why = '', whom = '']) => `${why}: ${whom}`))].toSorted()
}

function templatesOf(controller: SimulatedController, event: Event): readonly string[] {
  return launchesOf(controller, event).map(({ template }) => template)
}

/** The rulebook that patches, as somebody might change it: for another label, and without the line of the limit. */
async function careless(variant: string): Promise<string> {
  const text = await readFile(join(ROOT, 'rulebooks', variant, 'eda-patch.yml'), 'utf8')
  const changed = text
    .replaceAll('virtbridge.io/patch', 'virtbridge.io/careless')
    .replace(/^ +limit: .*\n/m, '')
    .replace('name: Patch guests on demand', 'name: Patch without care')
    .replaceAll('virtbridge_patch', 'virtbridge_careless')
    .replace('virtbridge-eda-patch', 'virtbridge-careless')
  expect(changed).not.toMatch(/^ +limit:/m)
  return changed
}

// That of `ha` goes first: it has no other position than what it is given. The others go on where it was.
const VARIANTS = [
  // Its own, "Activated by Event-Driven Ansible", and that of the event.
  { variant: 'ha', version: '1.3.2', labels: 3 },
  { variant: 'aap26', version: '1.3.2', labels: 2 },
  { variant: 'base', version: '1.1.7', labels: 0 },
] as const

describe.each(VARIANTS)('rulebooks/$variant on ansible-rulebook $version', ({ variant, version, labels }) => {
  // The engine and the conditions are those of aap26, but each event is kept in a PostgreSQL: one of the bad ones does.
  const few = variant === 'ha' ? [1] : []
  const groups = {
    'each rule does what it is for, once, and on nothing else': verbCases(...few),
    'of every fact of the catalogue only what is meant launches anything': catalogueCases(),
    'people are told of what went wrong, once, and of nothing else': troubleCases(...few),
    'hostile text of a guest changes neither what is launched, nor on whom, nor with what': hostileCases(...few),
  }
  const hurried = new Guest()
    .look()
    .look({ labels: { 'virtbridge.io/careless': 'now' } })
    .told('labels_changed')
  const cases = [...Object.values(groups).flat(), { title: 'a careless rulebook', event: hurried, launches: [] }]
  const early = awaited()
  let controller: SimulatedController
  let activation: Activation
  let database: PostgresServer | null = null
  beforeAll(async () => {
    controller = await startController()
    if (variant === 'ha') database = await startPostgres()
    const own = join(folder, variant)
    await mkdir(own)
    activation = new Activation({
      version,
      rulebooks: NAMES.map(name => `${variant}/${name}.yml`),
      others: [await careless(variant)],
      broker: kafka.brokers[0] ?? '',
      controller: controller.url,
      token: TOKEN,
      folder: own,
      database,
    })
    await log.append(early.map(event => entryOf(event)))
    await activation.start()
    await tell(controller, cases)
  })
  afterAll(async () => {
    await activation[Symbol.asyncDispose]()
    await controller[Symbol.asyncDispose]()
    await database?.[Symbol.asyncDispose]()
  })

  test.each(Object.entries(groups))('%s', (_, some) => {
    const was = some.map(one => ({ title: one.title, launched: told(launchesOf(controller, one.event)) }))
    const meant = some.map(one => ({ title: one.title, launched: expected(one, labels) }))
    expect(was).toEqual(meant)
  })

  test('what is told before it is started for the first time is launched: its groups have a position', () => {
    expect(early.map(event => templatesOf(controller, event))).toEqual(AWAITED)
  })

  test('of each guest for which something is asked and not done the log says why, and of no other', async () => {
    const meant = cases.flatMap(({ event, says = [] }) => says.map(line => `${line}: ${event.subject}`))
    const events = cases.map(({ event }) => event)
    const told = async (): Promise<readonly string[]> => refusals(await activation.log(), events)
    await vi.waitFor(async () => expect(await told()).toEqual([...new Set(meant)].toSorted()), PRINTED)
  })

  test('its log says what eda.md tells to look for', async () => {
    const page = await readFile(join(ROOT, 'docs', 'eda.md'), 'utf8')
    for (const words of ['Setting newly assigned partitions', 'running job template']) {
      expect(page).toContain(`\`${words}\``)
      expect(await activation.log()).toContain(words)
    }
  })

  test('a rulebook of the same kind whose limit was left out launches on nobody', () => {
    expect(launchesOf(controller, hurried)).toMatchObject([
      { template: 'Day2 | Patch', limit: 'virtbridge-no-default-limit' },
    ])
  })

  const safe = variant === 'ha' ? 'is told before a kill, and' : 'is told'
  test(`a restart loses nothing that ${safe} while it is away`, async () => {
    const [before, after] = [awaited(), awaited()]
    // Without feedback the position may be ahead of what was launched: there only what is told after the end is safe from a kill.
    if (variant === 'ha') await log.append(before.map(event => entryOf(event)))
    else await keptToTheEnd(kafka.brokers, readersOf(variant))
    await activation.stop(variant === 'ha' ? 'SIGKILL' : 'SIGTERM')
    await log.append(after.map(event => entryOf(event)))
    await activation.start()
    await tell(controller, [])
    const told = variant === 'ha' ? [...before, ...after] : after
    expect(told.map(event => [...new Set(templatesOf(controller, event))])).toEqual(
      told.map((_, n) => AWAITED[n % AWAITED.length]),
    )
  })
})
