import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Fleet as SimulatedFleet, startSimulatedFleet } from '../simulator/cast/fleet.ts'
import { OUTCOME_FAILED, OUTCOME_LABEL } from '../simulator/cast/guest-vm.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../simulator/controller/index.ts'
import { type Place, rememberedPort, secretFile } from './place.ts'

/** The world of the demo: servers over HTTP, and a configuration with which the bridge meets them as it would meet real ones. */
export interface World extends AsyncDisposable {
  readonly fleet: SimulatedFleet
  readonly controller: SimulatedController
  readonly configFile: string
  readonly bridgeUrl: string
  readonly tokens: { readonly operator: { readonly path: string; readonly value: string } }
}

/** What somebody needs to run rulebooks beside a demo. */
export interface ForRulebooks {
  readonly controller: string
  readonly token_file: string
}

/** The account of the bridge at the controller (deploy/aap/roles.yml). */
const ACCOUNT = 'virtbridge'
/** The account of rulebooks. */
const RULEBOOKS = 'virtbridge-rulebooks'
/** The inventory of what they launch, and its source. */
const FOR_RULEBOOKS = 'virtbridge rulebooks'
const OBJECTS = new URL('../../deploy/aap/', import.meta.url)

interface WorldOptions {
  readonly port: number
  readonly speed: number
  readonly kafka: readonly string[]
  /** Onboarding is left to a rulebook, which reads topics with the prefix that they usually have. */
  readonly eda: boolean
}

/** Starts hub, clusters and controller, or goes on with those in the folder, and writes the bridge's configuration. */
export async function startWorld(place: Place, options: WorldOptions): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const operator = secretFile(place, 'token')
  const aap = secretFile(place, 'token-aap')
  const own = secretFile(place, 'token-controller')
  const rulebooks = secretFile(place, 'token-rulebooks')
  const port = await rememberedPort(place, 'http', options.port)
  const bridgeUrl = `http://127.0.0.1:${port}`
  const fleet = stack.use(await startSimulatedFleet({ dir: place.fleetDir, speed: options.speed }))
  const controller = stack.use(
    await startSimulatedController({
      // As this project ships them: the demo's controller is set up as a real one would be.
      objects: loadObjects(readObjectFiles(OBJECTS, options.eda ? ['onboard'] : [])),
      dir: place.controllerDir,
      port: await rememberedPort(place, 'controller', 0),
      tokens: {
        [own.value]: { user: ACCOUNT, scope: 'write', description: 'virtbridge' },
        [rulebooks.value]: { user: RULEBOOKS, scope: 'write', description: 'rulebooks' },
      },
      origins: {
        virtbridge: { url: `${bridgeUrl}/api/v1/inventory`, token: aap.value },
        [FOR_RULEBOOKS]: { url: `${bridgeUrl}/api/v1/inventory`, token: aap.value },
      },
      outcome: (_host, variables) =>
        labelOf(variables) === OUTCOME_FAILED
          ? { outcome: 'failed', message: 'No package matching "chrony" found available' }
          : 'ok',
    }),
  )
  writeFileSync(join(place.dir, 'bridge', 'hub.kubeconfig'), kubeconfig(fleet), { mode: 0o600 })
  const told: ForRulebooks = { controller: controller.url, token_file: rulebooks.path }
  writeFileSync(join(place.dir, 'bridge', 'rulebooks.json'), JSON.stringify(told))
  writeFileSync(place.configFile, config(fleet, controller, { port, ...logOf(place, options) }))
  const owned = stack.move()
  return {
    fleet,
    controller,
    configFile: place.configFile,
    bridgeUrl,
    tokens: { operator },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function labelOf(variables: Readonly<Record<string, unknown>>): unknown {
  const labels = variables['kubevirt_labels']
  return typeof labels === 'object' && labels !== null ? (labels as Record<string, unknown>)[OUTCOME_LABEL] : undefined
}

function kubeconfig(fleet: SimulatedFleet): string {
  const { name, url, token } = fleet.hub
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  })
}

/** Topics of this demo alone, which `--fresh` leaves behind and forgets; those that rulebooks read have their usual names. */
function logOf(place: Place, { kafka: brokers, eda }: WorldOptions): { kafka: object; verbs: object } {
  const verbs = eda ? { verbs: { onboard: { driver: 'eda' } } } : {}
  if (brokers.length === 0) return { kafka: {}, verbs }
  const name = secretFile(place, 'topics').value.slice(0, 8)
  const prefix = eda ? 'virtbridge' : `virtbridge-demo-${name}`
  return { kafka: { kafka: { brokers, topic_prefix: prefix, partitions: 3, replicas: 1 } }, verbs }
}

/** Nothing in it is special to the demo but short times, so that there is something to see. */
function config(
  fleet: SimulatedFleet,
  controller: SimulatedController,
  { port, kafka, verbs }: { port: number; kafka: object; verbs: object },
): string {
  return stringify({
    log: { path: 'virtbridge.db', validate_events: true, ...kafka },
    http: {
      listen: `127.0.0.1:${port}`,
      tokens: [
        { name: 'aap', token: { file: join('token-aap') }, can: ['read'] },
        { name: 'operator', token: { file: join('token') }, can: ['read', 'run', 'admin'] },
      ],
    },
    hubs: [
      {
        name: fleet.hub.name,
        kubeconfig: 'hub.kubeconfig',
        context: fleet.hub.name,
        proxy: { url: fleet.hub.proxyUrl },
      },
    ],
    watch: {
      stopped_hold_seconds: 3,
      reachable_hold_seconds: 1,
      unreachable_hold_seconds: 5,
      address_hold_seconds: 1,
      heartbeat_seconds: 2,
      outage_hold_seconds: 5,
    },
    controller: {
      url: controller.url,
      token: { file: 'token-controller' },
      quiet_period_seconds: 10,
      poll_seconds: 0.5,
    },
    ...verbs,
    dispatch: { coalesce_seconds: 2 },
    telemetry: { log_level: 'warn' },
  })
}
