import type { HostProgress } from '../day2/index.ts'
import { paint, type Terminal } from './terminal.ts'

/** Hosts whose every step is told; of more than that, those that fail and how many are how far. */
const FEW_HOSTS = 20

/** How far a job is, as the bridge tells it. */
export interface Shown {
  readonly task: string
  readonly hosts: readonly HostProgress[]
}

/** What is new of how a job goes, a line each. Pure. `before`: what was told last; null before anything was. */
export function courseLines(
  before: Shown | null,
  after: Shown,
  terminal: Pick<Terminal, 'colours'>,
): readonly string[] {
  const known = new Map(before?.hosts.map(host => [host.host, host]))
  const changed = after.hosts.filter(host => !isSame(known.get(host.host), host))
  const few = after.hosts.length <= FEW_HOSTS
  const told = few ? changed : changed.filter(isBad)
  const lines = told.map(host => `  ${host.host}: ${paint(terminal, isBad(host) ? 'red' : 'dim', wordsOf(host))}`)
  if (few || changed.length === 0) return lines
  return [...lines, `  ${sumOf(after)}`]
}

function isSame(before: HostProgress | undefined, after: HostProgress): boolean {
  if (before === undefined) return after.state === 'waits'
  return before.state === after.state && before.done === after.done && before.task === after.task
}

function isBad({ state }: HostProgress): boolean {
  return state === 'failed' || state === 'unreachable'
}

function wordsOf(host: HostProgress): string {
  const at = host.task === '' ? '' : `: ${host.task}`
  if (isBad(host)) return `${host.state}${at}`
  return `${host.done} done, ${host.changed} changed${at}`
}

function sumOf({ task, hosts }: Shown): string {
  const count = (state: HostProgress['state']): number => hosts.filter(host => host.state === state).length
  const all = (['waits', 'runs', 'failed', 'unreachable'] as const).map(state => [state, count(state)] as const)
  const parts = all.filter(([, number]) => number > 0).map(([state, number]) => `${number} ${WORDS[state]}`)
  return `${parts.join(', ')}${task === '' ? '' : `; at: ${task}`}`
}

const WORDS = { waits: 'not begun', runs: 'under way', failed: 'failed', unreachable: 'unreachable' } as const
