import { limitFault, limitOf } from './limit.ts'
import { isMarker, MAX_SKIP_TAGS, skipTags } from './marker.ts'
import type { Template } from './template.ts'
import { launchHazards } from './template-hazard.ts'

/** Bytes of extra_vars; a megabyte of variables is a file that lost its way. */
export const MAX_EXTRA_VARS_BYTES = 1024 * 1024

/** What a launch asks for. Hosts are names, never a pattern: the limit is made from them. */
export interface LaunchRequest {
  readonly hosts: readonly string[]
  /** Of the intent: `marker(intentId)`. */
  readonly marker: string
  readonly extraVars: Readonly<Record<string, unknown>>
  /** More of them, that nobody may read: only password questions of the template's survey take them. */
  readonly secrets?: LaunchSecrets
  /** The job only looks (job type Check). */
  readonly check?: boolean
  /** Id of our inventory; the job must run on it, be it the template's own or prompted for. */
  readonly inventory: number
}

/** Secrets of a launch. They are opened when its body is written, and kept nowhere. */
export interface LaunchSecrets {
  readonly names: readonly string[]
  /** Throws a Fault that says why they can not be opened. */
  readonly open: () => Readonly<Record<string, string>>
}

/** What is posted. Nothing else: the controller drops unknown keys without a word. */
export interface LaunchBody {
  readonly limit: string
  readonly skip_tags: string
  readonly extra_vars: Readonly<Record<string, unknown>>
  readonly inventory?: number
  readonly job_type?: 'check'
}

/** `opened`: the secrets of the request. */
export function launchBody(
  template: Template,
  request: LaunchRequest,
  opened: Readonly<Record<string, string>> = {},
): LaunchBody {
  const inventory = template.inventory?.id === request.inventory ? {} : { inventory: request.inventory }
  return {
    limit: limitOf(request.hosts),
    skip_tags: skipTags(template.skipTags, request.marker),
    extra_vars: { ...request.extraVars, ...opened },
    ...inventory,
    ...(request.check === true ? { job_type: 'check' } : {}),
  }
}

/** Why this launch must not be sent, in one sentence; null when it may. Pure: what the template is was read before. */
export function launchRefusal(template: Template, request: LaunchRequest): string | null {
  const fault = limitFault(request.hosts) ?? markerFault(template, request.marker) ?? variablesFault(request.extraVars)
  if (fault !== null) return fault
  const inventory = { id: request.inventory, name: `inventory ${request.inventory}` }
  const { extraVars, check, secrets } = request
  const hazard = launchHazards(template, inventory, Object.keys(extraVars), check, secrets?.names).find(
    each => each.severity === 'stop',
  )
  return hazard === undefined ? null : `job template "${template.name}": ${hazard.message}; to mend it, ${hazard.mend}`
}

function markerFault(template: Template, marker: string): string | null {
  if (!isMarker(marker)) return 'the launch has no marker, so a lost answer could never be settled'
  const length = skipTags(template.skipTags, marker).length
  if (length <= MAX_SKIP_TAGS) return null
  return `job template "${template.name}": its skip tags leave no room for the marker (${length} of ${MAX_SKIP_TAGS} characters)`
}

function variablesFault(extraVars: Readonly<Record<string, unknown>>): string | null {
  const bytes = Buffer.byteLength(JSON.stringify(extraVars))
  return bytes > MAX_EXTRA_VARS_BYTES
    ? `extra_vars of ${bytes} bytes are too many, ${MAX_EXTRA_VARS_BYTES} is the most`
    : null
}
