import { Ajv, type ValidateFunction } from 'ajv'
import type { FailureReason } from '../aap/index.ts'
import { plainText } from '../event/index.ts'
import type { Outcomes } from './record.ts'
import { RESULT_SCHEMA } from './result-schema.ts'
import type { Run } from './run.ts'

/** The key of `set_stats` under which our plays tell of each host; roles/result writes it. */
const KEY = 'virtbridge'
/** Of what a play tells of one host: of more its largest fields are left out. */
export const MAX_RETURNED_BYTES = 4_096
/** Hosts that are named whose results do not fit; of more their number is told. */
const NAMED = 3

type Result = Readonly<Record<string, unknown>>

/** Outcomes with what is known beside them, and, in one sentence, what of what the play told does not fit; empty when all of it does. */
export interface Explained {
  readonly outcomes: Outcomes
  readonly misfit: string
}

/** Made once, when it is first needed: it takes ten times as long as to use it. */
let judge: ValidateFunction | null = null

/**
 * Outcomes with why a host failed and what its play told. Pure. All of it comes from guests: it is held against its schema, shown, and
 * nothing is decided by it; an outcome never changes. What does not fit is left out, and said.
 */
export function explainedBy(
  outcomes: Outcomes,
  reasons: ReadonlyMap<string, FailureReason>,
  artifacts: Result,
  run: Pick<Run, 'id' | 'check' | 'external'>,
): Explained {
  const told = record(artifacts[KEY])
  const misfits: string[] = []
  if (told === null && artifacts[KEY] !== undefined) misfits.push('it is no map of hosts')
  const explained = [...outcomes].map(([host, known]) => {
    const result = told !== null && Object.hasOwn(told, host) ? told[host] : undefined
    const fault = result === undefined ? '' : misfitOf(result, run)
    if (fault !== '') misfits.push(`${host}: ${fault}`)
    const returned = fault === '' ? fittingResult(record(result)) : null
    const reason = known.outcome === 'ok' ? '' : reasonOf(reasons.get(host))
    const detail = reason === '' ? known.detail : plainText(`${known.detail}: ${reason}`)
    return [host, { ...known, detail, ...(returned === null ? {} : { returned }) }] as const
  })
  return { outcomes: new Map(explained), misfit: sentenceOf(misfits) }
}

/** Why a result can not be what this run's play told of a host; empty when it can. */
function misfitOf(result: unknown, run: Pick<Run, 'id' | 'check' | 'external'>): string {
  judge ??= new Ajv({ strict: true, strictTypes: false }).compile(RESULT_SCHEMA.definitions.result)
  if (!judge(result)) {
    const [error] = judge.errors ?? []
    return `${error?.instancePath ?? ''} ${error?.message ?? 'is wrong'}`.trim()
  }
  const { run_id, check: looked } = result as { run_id: string; check: boolean }
  if (run.external === undefined && run_id !== run.id) return 'it is of another run'
  if (looked === (run.check === true)) return ''
  return looked ? 'it only looked, and was to do it' : 'it was to look alone, and says that it did not'
}

/** A result in 4 KB: of one that is larger as many of its fields as fit, the smallest first, and the names of the others. */
function fittingResult(result: Result | null): Result | null {
  if (result === null || sizeOf(result) <= MAX_RETURNED_BYTES) return result
  const smallest = Object.entries(result).sort(([, a], [, b]) => sizeOf(a) - sizeOf(b))
  const trimmed = new Set(smallest.map(([name]) => name))
  let kept: Result = {}
  for (const [name, value] of smallest) {
    const more = { ...kept, [name]: value }
    // Names of all fields have room at any time: 64 of 63 characters are less than what is left.
    if (sizeOf({ ...more, trimmed: [...trimmed] }) > MAX_RETURNED_BYTES) break
    kept = more
    trimmed.delete(name)
  }
  return { ...kept, trimmed: [...trimmed] }
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function sentenceOf(misfits: readonly string[]): string {
  if (misfits.length === 0) return ''
  const more = misfits.length > NAMED ? `, and ${misfits.length - NAMED} more` : ''
  return plainText(`what its play told does not fit: ${misfits.slice(0, NAMED).join('; ')}${more}`)
}

function reasonOf(reason: FailureReason | undefined): string {
  return reason === undefined ? '' : [reason.task, reason.message].filter(part => part !== '').join(': ')
}

function record(value: unknown): Result | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Result) : null
}
