import type { Config } from '../config/index.ts'
import type { Finding } from './finding.ts'

/** Views whose hosts stay in jobs while nobody can see their cluster: the format kubevirt.core has no variable that could say so, unless it is asked for. */
export function* checkViews({ inventory }: Pick<Config, 'inventory'>): Iterable<Finding> {
  const views = inventory.views.filter(
    ({ format, on_stale, kubevirt_core: { state } }) => format === 'kubevirt.core' && on_stale !== 'fail' && !state,
  )
  for (const { name } of views)
    yield {
      what: `view ${name}`,
      result: 'warn',
      detail:
        'in the format kubevirt.core nothing says that a cluster can not be seen: jobs run on what was last known',
      hint: 'set on_stale: fail for it: a controller then keeps its hosts, and its sync fails, as with the plugin; or kubevirt_core.state: true, and enabled_var: kubevirt_enabled in the source of the controller',
    }
}
