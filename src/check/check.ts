import type { Config } from '../config/index.ts'
import { wantsBaseDomain } from '../service/views.ts'
import { brakeFinding } from './brake.ts'
import { checkCluster } from './cluster.ts'
import { checkController } from './controller.ts'
import type { Finding } from './finding.ts'
import { checkHub } from './hub.ts'
import { checkLog, checkTokens } from './own.ts'
import { Roll } from './roll.ts'
import { checkSealingKeys } from './sealing-key.ts'
import { checkViews } from './view.ts'

export type { Finding } from './finding.ts'

/** What a check tries, and with which environment and clock. */
export interface CheckOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly signal: AbortSignal
}

/** Tries everything that a service with this configuration needs (log, tokens, keys, clusters, hubs, controller, brake) and yields a finding for each as it comes. Changes nothing anywhere. */
export async function* check(options: CheckOptions): AsyncIterable<Finding> {
  const { config, signal } = options
  yield* checkLog(options)
  yield* checkTokens(options)
  yield* checkSealingKeys(config)
  yield* checkViews(config)
  const readsBaseDomain = (cluster: string): boolean => wantsBaseDomain(config, cluster)
  const round = { roll: new Roll(), signal, services: config.watch.services, readsBaseDomain }
  for (const cluster of config.clusters) yield* checkCluster(cluster, round)
  for (const hub of config.hubs) yield* checkHub(hub, round)
  if (config.controller === undefined)
    return yield { what: 'controller', result: 'warn', detail: NO_CONTROLLER, hint: '' }
  yield* checkController(config.controller, options)
  yield brakeFinding(config)
}

const NO_CONTROLLER = 'none is configured: events and inventory only, nothing is launched'
