import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { openApi, type Api } from '../cli/api.ts'
import { describe } from '../cli/events.ts'
import { paint, type Terminal } from '../cli/terminal.ts'
import { loadConfig } from '../config/index.ts'
import type { Event } from '../event/index.ts'
import { createTopics } from '../log/kafka/index.ts'
import { connectionOf, topicsOf } from '../service/log/open-log.ts'
import { startService, type Surroundings } from '../service.ts'
import { pause, until } from '../waiting.ts'
import { openPlace } from './place.ts'
import { FAILED, inventoryHosts, ONBOARDED, PATCHED, verbStatus, waitFor } from './progress.ts'
import { startWorld, type World } from './world.ts'

/** How often it is looked whether a rulebook reads, in ms. */
const LOOK_MS = 100

export interface DemoOptions {
  readonly dir: string
  readonly fresh: boolean
  readonly exitWhenDone: boolean
  readonly port: number
  readonly speed: number
  /** Brokers that the log is kept on; none keeps it in a file. */
  readonly kafka: readonly string[]
  /** Onboarding is left to a rulebook: the story begins when this file is there. Empty: the bridge onboards. */
  readonly eda: string
}

/**
 * The main job, shown: a hub with two clusters and a controller, each a server of its own, and under them the very program that
 * `virtbridge serve` is. Ends when the signal aborts, or when the story is told and `exitWhenDone` is set. Goes on where it was.
 */
export async function runDemo(
  options: DemoOptions,
  around: Surroundings & { terminal: Terminal; signal: AbortSignal },
): Promise<void> {
  const { terminal, signal } = around
  const say = (text: string): void => terminal.out(text)
  const place = openPlace(options.dir, options.fresh)
  say(
    headline(
      terminal,
      place.known
        ? 'going on where the demo was (--fresh begins anew)'
        : 'a hub, two clusters and a controller, simulated over HTTP; virtbridge between them',
    ),
  )
  await using world = await startWorld(place, { ...options, eda: options.eda !== '' })
  const config = loadConfig(world.configFile)
  const { kafka } = config.log
  if (kafka !== undefined) {
    const made = await createTopics(connectionOf(kafka, around.env), topicsOf(config.log, kafka))
    say(`  log         ${kafka.topic_prefix}.* on ${kafka.brokers.join(', ')} (${made.length} topics made)`)
  }
  await using service = await startService(config, around)
  const api = openApi({ url: service.url, token: world.tokens.operator.value })
  const ending = new AbortController()
  const stop = AbortSignal.any([signal, ending.signal])
  say(`  hub1        ${world.fleet.hub.url}\n  controller  ${world.controller.url}\n  virtbridge  ${service.url}\n`)

  const told = Promise.all(
    ['cluster', 'vm', 'day2'].map(stream => tellEvents(api, { stream, known: place.known }, terminal, stop)),
  )
  const played = play(world, api, { ...options, terminal, signal: stop })
  try {
    await Promise.race([
      service.ended,
      told,
      played.then(() => (options.exitWhenDone ? undefined : live(world, terminal, stop))),
    ])
  } finally {
    ending.abort()
    await Promise.allSettled([told, played])
  }
}

/** The story, and around it what the bridge makes of it. Every part looks first whether it is already so. */
async function play(
  world: World,
  api: Api,
  scene: Pick<DemoOptions, 'dir' | 'eda' | 'exitWhenDone'> & { terminal: Terminal; signal: AbortSignal },
): Promise<void> {
  const { terminal, signal } = scene
  const say = (text: string): void => terminal.out(headline(terminal, text))
  let hosts: readonly string[] = []
  await waitFor('the inventory opens', async () => (hosts = (await inventoryHosts(api)) ?? []).length > 0, signal)
  if (signal.aborted) return
  say(
    `the inventory is open with ${hosts.length} hosts; those that were there before are adopted, so nothing starts on them by itself`,
  )
  terminal.out(tryLines(world, scene.dir))
  if (scene.eda !== '') await rulebookReads(scene.eda, say, signal)
  const told = world.fleet.story.play({ signal, tell: act => say(act.tell) })
  await waitFor(`${ONBOARDED} is onboarded`, async () => (await verbStatus(api, ONBOARDED, 'onboard')) === 'ok', signal)
  if (!signal.aborted) say(await onboardedLine(api, scene.eda !== ''))
  await waitFor(`${FAILED} fails`, async () => (await verbStatus(api, FAILED, 'onboard')) === 'failed', signal)
  if (!signal.aborted) say(`${FAILED} failed to onboard, and that is on record: virtbridge explain ${FAILED}`)
  if (!signal.aborted) await patch(api, say, signal)
  await told
  if (!signal.aborted) say(`the story is told${scene.exitWhenDone ? '' : '; the clusters live on until Ctrl-C'}`)
}

/** The story begins when a rulebook reads what it is about. */
async function rulebookReads(file: string, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  say('onboarding is left to a rulebook (driver: eda); waiting until one reads the events')
  while (!existsSync(file) && !signal.aborted) await pause(LOOK_MS, signal)
}

/** What is told of the guest that was onboarded, and by whom. */
async function onboardedLine(api: Api, eda: boolean): Promise<string> {
  if (!eda) return `${ONBOARDED} is onboarded: news, reachable, the right guest, launched once`
  const { runs } = (await api.get('/api/v1/runs')) as { runs: readonly { verb: string; asked_by: string }[] }
  const by = runs.find(({ verb }) => verb === 'onboard')?.asked_by ?? 'nobody'
  return `${ONBOARDED} is onboarded: its event went over Kafka to a rulebook, and the job that launched, by ${by}, is on record here`
}

async function patch(api: Api, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  say(`an operator patches ${PATCHED.join(' and ')}: virtbridge run patch --limit ${PATCHED.join(',')}`)
  // The same key is the same run: a demo that goes on does not patch twice.
  await api.post(
    '/api/v1/runs',
    { verb: 'patch', hosts: PATCHED, reason: 'the demo' },
    { 'idempotency-key': 'demo-patch' },
  )
  await waitFor(
    'the patch run ends',
    async () =>
      (await Promise.all(PATCHED.map(host => verbStatus(api, host, 'patch')))).every(status => status === 'ok'),
    signal,
  )
  if (!signal.aborted) say('patched, host by host')
}

async function live(world: World, terminal: Terminal, signal: AbortSignal): Promise<void> {
  await world.fleet.story.live({ signal, tell: act => terminal.out(headline(terminal, act.tell)) })
  await until(null, signal)
}

/** Prints events as they come, as any client of the stream would see them. */
async function tellEvents(
  api: Api,
  options: { stream: string; known: boolean },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const after = options.known ? 'now' : '0'
  try {
    for await (const { data } of api.follow(`/api/v1/events?stream=${options.stream}&after=${after}`, signal)) {
      terminal.out(`  ${describe(JSON.parse(data) as Event, terminal)}`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function headline(terminal: Terminal, text: string): string {
  return paint(terminal, 'cyan', `● ${text}`)
}

/** Relative to here, or absolute where that would first lead up. */
function shortest(path: string): string {
  const below = relative('.', path)
  return below.startsWith('..') ? resolve(path) : below || '.'
}

/** What is installed is JavaScript, and has neither the scripts of npm nor the collection. */
const IN_A_CHECKOUT = import.meta.filename.endsWith('.ts')
const GRAPH =
  'ANSIBLE_COLLECTIONS_PATH=inventory-plugin ansible-inventory -i inventory-plugin/examples/fleet.virtbridge.yml --graph'

function tryLines(world: World, dir: string): string {
  const token = shortest(world.tokens.operator.path)
  const program = IN_A_CHECKOUT ? 'npm run -s virtbridge --' : 'virtbridge'
  const lines = [
    'try beside it:',
    `  curl -s -H "Authorization: Bearer $(cat ${token})" ${world.bridgeUrl}/api/v1/inventory`,
    `  curl -s ${world.bridgeUrl}/readyz`,
    `  export VIRTBRIDGE_URL=${world.bridgeUrl} VIRTBRIDGE_TOKEN=$(cat ${token})`,
    `  ${program} events --follow`,
    `  ${program} explain ${FAILED}`,
    ...(IN_A_CHECKOUT ? [`  ${GRAPH}`] : []),
    `  (all of it is in ${shortest(dir)})`,
  ]
  return `${lines.join('\n')}\n`
}
