import { isDeepStrictEqual } from 'node:util'
import type { ViewConfig } from './config.ts'
import type { ConfigFault } from './fault.ts'
import type { Schema } from './schema-part.ts'
import { view } from './view-schema.ts'

/** What a view of the format kubevirt.core does not look at: there its own options say the same. */
const OWN_FORMAT = ['profile', 'host_name', 'exclude', 'enabled', 'addresses', 'connection', 'variables'] as const
/** What counts there with `kubevirt_core.state`. */
const OF_STATE: ReadonlySet<string> = new Set(['exclude', 'enabled'])
const OWN_GROUPS = ['builtin', 'labels', 'expressions', 'parents'] as const

/** Keys that are written down and count for nothing, as the view has another format. */
export function formatFaults(config: ViewConfig, path: string): readonly ConfigFault[] {
  if (config.format !== 'kubevirt.core') return []
  const presets = presetsOf(view()) as ViewConfig
  const said = OWN_FORMAT.filter(
    key => !isDeepStrictEqual(config[key], presets[key]) && !(config.kubevirt_core.state && OF_STATE.has(key)),
  )
  const groups = OWN_GROUPS.filter(key => !isDeepStrictEqual(config.groups[key], presets.groups[key]))
  return [...said, ...groups.map(key => `groups.${key}`)].map(key =>
    ignored(
      `${path}.${key}`,
      'counts for nothing in the format kubevirt.core',
      'leave it out; kubevirt_core has what that format knows',
    ),
  )
}

function ignored(path: string, message: string, hint: string): ConfigFault {
  return { path, message, hint }
}

/** What a schema fills in where nothing is said. */
function presetsOf({ properties = {}, default: preset }: Schema): unknown {
  const below = Object.entries(properties as Record<string, Schema>)
  if (below.length === 0) return preset
  const filled = below.map(([key, schema]) => [key, presetsOf(schema)] as const)
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined))
}
