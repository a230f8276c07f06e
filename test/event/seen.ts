import { subscribe } from 'node:diagnostics_channel'
import { MAX_EVENT_BYTES } from '../../src/event/fit.ts'
import type { Kind } from './published.ts'

/** Faults that are named; of more their number is told. */
const MAX_TOLD = 5

type Check = (kind: Kind, event: object) => readonly string[]

let check: Check | null = null
let loading: Promise<void> | null = null
let waiting: { readonly stream: string; readonly json: string }[] = []
let allowed = false
const faults: string[] = []

/** For a test that is about events that are none of their schema: those of its file are not held against it. */
export function allowInvalidEvents(): void {
  allowed = true
}

/**
 * Looks at every event of ours that this process appends to any log. The validators are loaded by the first of them, as most tests
 * append none.
 */
export function watchEvents(): void {
  subscribe('virtbridge:log:append', message => {
    const { stream, json } = message as { stream: string; json: string }
    if (!json.startsWith('{"specversion":') || !json.includes('"dataschema":"https://virtbridge.io/')) return
    if (check === null) {
      waiting.push({ stream, json })
      loading ??= load()
    } else judge(check, stream, json)
  })
}

/** What was wrong with them, as one text; empty when all were well. */
export async function faultsSeen(): Promise<string> {
  await loading
  if (allowed || faults.length === 0) return ''
  const more = faults.length > MAX_TOLD ? `\n  and ${faults.length - MAX_TOLD} more` : ''
  return `events that are none of their schema were appended:\n  ${faults.slice(0, MAX_TOLD).join('\n  ')}${more}`
}

async function load(): Promise<void> {
  const { faultsOf } = await import('./published.ts')
  check = faultsOf
  for (const { stream, json } of waiting) judge(faultsOf, stream, json)
  waiting = []
}

function judge(check: Check, stream: string, json: string): void {
  const found = check(stream.slice('events.'.length) as Kind, JSON.parse(json) as object)
  const size = Buffer.byteLength(json) > MAX_EVENT_BYTES ? ['it is too large'] : []
  if (found.length + size.length > 0) faults.push(`${[...found, ...size].join(', ')}: ${json.slice(0, 300)}`)
}
