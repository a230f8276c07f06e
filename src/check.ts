import { accessSync, constants, mkdirSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Controller, launchHazards, sourceHazards } from './aap/index.ts'
import { type ClusterConfig, type Config, type ControllerConfig, readSecret } from './config/index.ts'
import { Fault, messageOf } from './errors.ts'
import { HINTS, KubeClient, KubeError, mayI, PATHS } from './kube/index.ts'
import { openSqliteLog } from './log/index.ts'
import { connectController } from './dispatch.ts'
import { USER_AGENT } from './role.ts'
import { connectionOf } from './watch.ts'

/** One line of what works and what does not. `warn` does not stop virtbridge from working. */
export interface Finding {
  readonly what: string
  readonly result: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly hint: string
}

export interface CheckOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly signal: AbortSignal
}

/** A token that ends sooner is warned of. */
const EXPIRY_WARNING_MS = 30 * 86_400_000
/** Less room than this on the log's disk is warned of. */
const ROOM_BYTES = 512 * 1024 * 1024
const VARIABLES = ['virtbridge_run_id', 'virtbridge_expected_count', 'virtbridge_verb']

/** Tries everything a service with this configuration would need, one finding at a time; changes nothing outside. */
export async function* check(options: CheckOptions): AsyncIterable<Finding> {
  yield* checkLog(options.config)
  yield* checkTokens(options)
  for (const cluster of options.config.clusters)
    yield* checkCluster(cluster, ['virtualmachines', 'virtualmachineinstances'], options.signal)
  for (const hub of options.config.hubs) yield* checkCluster(hub, ['managedclusters'], options.signal)
  const { controller } = options.config
  if (controller === undefined)
    yield {
      what: 'controller',
      result: 'warn',
      detail: 'none is configured: events and inventory only, nothing is launched',
      hint: '',
    }
  else yield* checkController(controller, options)
}

async function* checkLog(config: Config): AsyncIterable<Finding> {
  const what = `log ${config.log.path}`
  try {
    mkdirSync(dirname(config.log.path), { recursive: true })
    accessSync(dirname(config.log.path), constants.W_OK)
    const { bavail, bsize } = statfsSync(dirname(config.log.path))
    await using log = await openSqliteLog({
      file: config.log.path,
      retentionMs: Number.MAX_SAFE_INTEGER,
      auditRetentionMs: Number.MAX_SAFE_INTEGER,
    })
    const room = bavail * bsize
    const free = `${Math.round(room / 1024 / 1024)} MB free`
    if (!log.health().writable) yield { what, result: 'fail', detail: log.health().reason, hint: '' }
    else if (room < ROOM_BYTES)
      yield { what, result: 'warn', detail: `writable, but only ${free}`, hint: 'give its disk more room' }
    else yield { what, result: 'ok', detail: `writable, ${free}`, hint: '' }
  } catch (error) {
    if (error instanceof Fault && error.code === 'log_held')
      yield {
        what,
        result: 'ok',
        detail: error.message,
        hint: 'a second `virtbridge serve` on it would refuse to start',
      }
    else yield failure(what, error)
  }
}

async function* checkTokens(options: CheckOptions): AsyncIterable<Finding> {
  const { tokens } = options.config.http
  if (tokens.length === 0)
    yield {
      what: 'http tokens',
      result: 'warn',
      detail: 'none is configured: the API answers nobody',
      hint: 'add one under http.tokens',
    }
  for (const token of tokens) {
    const what = `http token ${token.name}`
    try {
      const short = readSecret(token.token, options.env).length < 16
      yield {
        what,
        result: short ? 'warn' : 'ok',
        detail: short ? 'is shorter than 16 characters' : `may ${token.can.join(', ')}`,
        hint: short ? 'openssl rand -hex 24' : '',
      }
    } catch (error) {
      yield failure(what, error)
    }
  }
}

async function* checkCluster(
  cluster: ClusterConfig,
  resources: readonly (keyof typeof PATHS)[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const what = `cluster ${cluster.name}`
  try {
    const connection = connectionOf(cluster)
    await using client = new KubeClient({ connection, userAgent: USER_AGENT, requestTimeoutMs: 10_000 })
    const version = (await client.get('/version', signal)) as { gitVersion?: string }
    const uid = await client.identity(signal)
    yield {
      what,
      result: 'ok',
      detail: `${connection.url}, Kubernetes ${version.gitVersion ?? '?'}, identity ${uid}`,
      hint: '',
    }
    if (connection.tls.rejectUnauthorized === false && connection.url.startsWith('https:')) {
      yield {
        what,
        result: 'warn',
        detail: 'its certificate is not verified (insecure-skip-tls-verify)',
        hint: 'set certificate-authority-data in the kubeconfig',
      }
    }
    for (const resource of resources) yield await checkResource(client, cluster.name, resource, signal)
  } catch (error) {
    yield failure(what, error)
  }
}

async function checkResource(
  client: KubeClient,
  cluster: string,
  resource: keyof typeof PATHS,
  signal: AbortSignal,
): Promise<Finding> {
  const what = `cluster ${cluster}: ${resource}`
  const [, , group = ''] = PATHS[resource].split('/')
  try {
    const denied: string[] = []
    for (const verb of ['list', 'watch']) if (!(await mayI(client, verb, group, resource, signal))) denied.push(verb)
    if (denied.length > 0)
      return { what, result: 'fail', detail: `may not ${denied.join(' and ')}`, hint: HINTS.forbidden }
    await client.get(`${PATHS[resource]}?limit=1`, signal)
    return { what, result: 'ok', detail: 'may be listed and watched', hint: '' }
  } catch (error) {
    return failure(what, error)
  }
}

async function* checkController(settings: ControllerConfig, options: CheckOptions): AsyncIterable<Finding> {
  const what = `controller ${settings.url}`
  try {
    await using controller = connectController(settings, options.env)
    const { base, version } = await controller.discover()
    yield { what, result: 'ok', detail: `version ${version} at ${base}`, hint: '' }
    yield await checkExpiry(controller, options.now())
    yield* checkObjects(controller, settings, options.config)
  } catch (error) {
    yield failure(what, error)
  }
}

async function checkExpiry(controller: Controller, now: number): Promise<Finding> {
  const what = 'controller token'
  const found = await controller.tokenExpiry()
  if (found === 'unknown')
    return {
      what,
      result: 'warn',
      detail: 'valid; until when can not be told',
      hint: 'the controller does not show it to this account',
    }
  if (found.scope === 'read')
    return { what, result: 'fail', detail: 'valid, but may only read', hint: 'make one with write scope' }
  if (found.expires === null) return { what, result: 'ok', detail: 'valid, never expires', hint: '' }
  const days = Math.floor((found.expires.getTime() - now) / 86_400_000)
  const soon = found.expires.getTime() - now < EXPIRY_WARNING_MS
  return {
    what,
    result: soon ? 'warn' : 'ok',
    detail: `valid until ${found.expires.toISOString().slice(0, 10)} (${days} days)`,
    hint: soon ? 'make a new one; a changed token file counts at once' : '',
  }
}

async function* checkObjects(
  controller: Controller,
  settings: ControllerConfig,
  config: Config,
): AsyncIterable<Finding> {
  const inventory = await controller.findInventory(settings.inventory, settings.organization)
  yield { what: `inventory "${inventory.name}"`, result: 'ok', detail: `id ${inventory.id}`, hint: '' }
  const source = await controller.findInventorySource(settings.inventory_source, inventory)
  const wrong = sourceHazards(source)
  if (wrong.length === 0)
    yield { what: `inventory source "${source.name}"`, result: 'ok', detail: `last update: ${source.status}`, hint: '' }
  for (const hazard of wrong)
    yield {
      what: `inventory source "${source.name}"`,
      result: hazard.severity === 'stop' ? 'fail' : 'warn',
      detail: hazard.message,
      hint: hazard.mend,
    }
  for (const [verb, { template: name, driver }] of Object.entries(config.verbs)) {
    if (driver !== 'bridge') {
      yield {
        what: `verb ${verb}`,
        result: 'ok',
        detail: `its driver is ${driver}: virtbridge launches nothing`,
        hint: '',
      }
      continue
    }
    const what = `job template "${name}" (${verb})`
    try {
      const hazards = launchHazards(await controller.findTemplate(name, settings.organization), inventory, VARIABLES)
      if (hazards.length === 0)
        yield { what, result: 'ok', detail: 'prompts for limit, variables and skip tags', hint: '' }
      for (const hazard of hazards)
        yield { what, result: hazard.severity === 'stop' ? 'fail' : 'warn', detail: hazard.message, hint: hazard.mend }
    } catch (error) {
      yield failure(what, error)
    }
  }
}

function failure(what: string, error: unknown): Finding {
  if (error instanceof KubeError) return { what, result: 'fail', detail: error.message, hint: HINTS[error.kind] }
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : ''
  return { what, result: 'fail', detail: messageOf(error), hint }
}
