import { discoveryRoutes } from './discovery.ts'
import { hostRoutes } from './host.ts'
import { inventoryRoutes } from './inventory.ts'
import { inventorySourceRoutes } from './inventory-source.ts'
import { inventoryUpdateRoutes } from './inventory-update.ts'
import { jobRoutes } from './jobs.ts'
import { labelRoutes } from './label.ts'
import { launchRoutes } from './launch.ts'
import { organizationRoutes } from './organization.ts'
import { projectRoutes } from './project.ts'
import { relaunchRoutes } from './relaunch.ts'
import { scriptRoutes } from './script.ts'
import { templateRoutes } from './template.ts'
import { tokenRoutes } from './token.ts'
import { userRoutes } from './user.ts'
import { workflowJobRoutes } from './workflow-job.ts'
import type { Route } from './route.ts'

/** Everything below the API's base. A new noun is a new file and one line here. */
const ROUTES: readonly Route[] = [
  ...discoveryRoutes,
  ...userRoutes,
  ...tokenRoutes,
  ...organizationRoutes,
  ...projectRoutes,
  ...inventoryRoutes,
  ...hostRoutes,
  ...scriptRoutes,
  ...inventorySourceRoutes,
  ...inventoryUpdateRoutes,
  ...templateRoutes,
  ...launchRoutes,
  ...jobRoutes,
  ...relaunchRoutes,
  ...labelRoutes,
  ...workflowJobRoutes,
]

export type Matched = { route: Route; params: { [name: string]: string } }

const PATTERNS = ROUTES.map(route => ({
  route,
  // A trailing slash may be missing; the product takes both.
  pattern: new RegExp(`^${route.path.replace(/:(\w+)/g, '(?<$1>[^/]+)').replace(/\/$/, '')}/?$`),
}))

/** The route of a path below the base, or of the gateway's token path; undefined when there is none. */
export function matchRoute(path: string, base: string): Matched | undefined {
  // Behind a gateway tokens are the gateway's, under its own path.
  const below = /^\/api\/gateway\/v1\/tokens\/?$/.test(path) && base !== '/api/v2/' ? 'tokens/' : pathBelow(path, base)
  if (below === undefined) return undefined
  for (const { route, pattern } of PATTERNS) {
    const groups = pattern.exec(below)
    if (groups === null) continue
    const params = Object.entries(groups.groups ?? {}).map(([name, value]) => [name, decode(value)])
    return { route, params: Object.fromEntries(params) as { [name: string]: string } }
  }
  return undefined
}

function pathBelow(path: string, base: string): string | undefined {
  if (`${path}/` === base) return ''
  return path.startsWith(base) ? path.slice(base.length) : undefined
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
