import { type KubeClient, PATHS, reflect, type ReflectOptions, type Resource } from '../kube/index.ts'
import { type PlanPart, projectPlan } from '../vm/index.ts'
import type { ImportBoard } from './imports.ts'

const PLANS: Resource<PlanPart> = { path: PATHS.plans, project: projectPlan, keyOf: plan => plan.key }
/** A plan says much of each of its VMs while it runs: fewer of them make a page. */
const PLANS_PAGE = 50

/**
 * Watches what the migration toolkit says on a hub, until the signal aborts. A hub that does not have it, or does not let us read it,
 * says nothing: then no import is told, and that is all.
 */
export async function watchPlans(options: {
  readonly client: KubeClient
  readonly hub: string
  readonly board: ImportBoard
  readonly signal: AbortSignal
  readonly reflect?: Partial<ReflectOptions>
}): Promise<void> {
  const { client, hub, board, signal } = options
  const settings = { pageSize: PLANS_PAGE, ...options.reflect, signal, verify: () => Promise.resolve() }
  for await (const observed of reflect(client, PLANS, settings)) board.take(hub, observed)
}
