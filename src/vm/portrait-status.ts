import { isTemplate } from '../template.ts'
import { isBeat } from './instant.ts'
import type { Json } from './raw.ts'
import { isPrivateText, isSecretKey } from './secret.ts'

/** Characters of one text: a longer annotation is left out, a longer text of a status is cut. */
export const MAX_TEXT = 16 * 1024
/** How deep a status may be; KubeVirt 1.8 has 7, and the plugin takes 32. */
const MAX_DEPTH = 24

/** Every key of a status that KubeVirt 1.8 defines. None of them holds user data; of any other the texts too are looked into for it. */
export const STATUS_KEYS = {
  vm: [
    'changedBlockTracking',
    'conditions',
    'created',
    'desiredGeneration',
    'instancetypeRef',
    'memoryDumpRequest',
    'observedGeneration',
    'preferenceRef',
    'printableStatus',
    'ready',
    'restoreInProgress',
    'runStrategy',
    'snapshotInProgress',
    'startFailure',
    'stateChangeRequests',
    'volumeRequests',
    'volumeSnapshotStatuses',
    'volumeUpdateState',
  ],
  vmi: [
    'VSOCKCID',
    'activePods',
    'changedBlockTracking',
    'conditions',
    'currentCPUTopology',
    'evacuationNodeName',
    'fsFreezeStatus',
    'guestOSInfo',
    'interfaces',
    'kernelBootStatus',
    'launcherContainerImageVersion',
    'machine',
    'memory',
    'migratedVolumes',
    'migrationMethod',
    'migrationState',
    'migrationTransport',
    'nodeName',
    'phase',
    'phaseTransitionTimestamps',
    'qosClass',
    'reason',
    'runtimeUser',
    'selinuxContext',
    'topologyHints',
    'virtualMachineRevisionName',
    'volumeStatus',
  ],
} as const

const LOOKED_AT: Readonly<Record<'vm' | 'vmi', ReadonlySet<string>>> = {
  vm: new Set(STATUS_KEYS.vm),
  vmi: new Set(STATUS_KEYS.vmi),
}

/** What may follow `vmi_` in the name of a variable, of which the plugin takes 200 characters: in snake case it may be twice as long. */
const VARIABLE = /^\w{1,98}$/
// oxlint-disable-next-line no-control-regex -- control characters are what it removes
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

interface Cleaning {
  /** With every instant and resourceVersion. */
  readonly volatile: boolean
  /** Nobody has looked at what stands in it. */
  readonly unknown: boolean
  /** Something of it was left out or cut, which is no instant. */
  cut: boolean
}

/** One key of a status, as it may be kept. */
export interface StatusPart {
  readonly key: string
  /** Undefined: nothing of it. */
  readonly value: unknown
  /** It is not all that the object says. */
  readonly cut: boolean
}

/** The status of an object, key by key, in the order of all: bounded, without secrets, control characters and, unless they are asked for, instants. */
export function statusParts(kind: 'vm' | 'vmi', status: Json, volatile: boolean): readonly StatusPart[] {
  const keys = Object.keys(status).sort()
  return keys.flatMap(key => {
    if (!VARIABLE.test(key)) return [{ key, value: undefined, cut: true }]
    const state = { volatile, unknown: !LOOKED_AT[kind].has(key), cut: false }
    const [part] = members({ [key]: status[key] }, state, 0)
    return part === undefined && !state.cut ? [] : [{ key, value: part?.[1], cut: state.cut }]
  })
}

/** A status that was kept with its instants, without them. */
export function withoutBeats(status: Json): Json {
  return Object.fromEntries(members(status, { volatile: false, unknown: false, cut: false }, 0))
}

function members(of: object, state: Cleaning, depth: number): readonly (readonly [string, unknown])[] {
  const kept = Object.entries(of).filter(([key, value]) => isKept(key, value, state))
  return kept.map(([key, value]) => [key, cleaned(value, state, depth)])
}

function isKept(key: string, value: unknown, state: Cleaning): boolean {
  if (!state.volatile && isBeat(key, value)) return false
  const isSecret = isSecretKey(key, value) || (key === 'spec' && typeof value === 'object')
  const isText = state.unknown && typeof value === 'string' && isPrivateText(value)
  if (!isSecret && !isText && isInert(key)) return true
  state.cut = true
  return false
}

function cleaned(value: unknown, state: Cleaning, depth: number): unknown {
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) state.cut = true
    return printable(value.slice(0, MAX_TEXT))
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) {
    state.cut = true
    return null
  }
  if (!Array.isArray(value)) return Object.fromEntries(members(value, state, depth + 1))
  return value.filter(item => isKept('', item, state)).map(item => cleaned(item, state, depth + 1))
}

/** A key can not be marked, and one that begins so is a mark to Ansible. */
function isInert(key: string): boolean {
  return !isTemplate(key) && !key.startsWith('__ansible_') && printable(key) === key
}

/** Text that keeps its lines, and no other control or direction character. */
export function printable(value: string): string {
  return value.replace(CONTROL, ' ').toWellFormed()
}
