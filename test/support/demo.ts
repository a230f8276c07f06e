import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { openApi } from '../../src/cli/api.ts'
import type { Event, VmEventData } from '../../src/event/index.ts'

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname

/** A demo that runs as a process of its own. */
export interface Shown extends AsyncDisposable {
  readonly child: ChildProcess
  /** Everything it printed so far. */
  readonly text: () => string
  /** Resolves when it printed this. */
  readonly printed: (line: string) => Promise<void>
  /** Resolves with true when it printed this, with false when it ended before. */
  readonly toldOrGaveUp: (line: string) => Promise<boolean>
  readonly ended: Promise<number | null>
}

/** Starts `virtbridge demo` in `dir`, three times as fast; it is gone with the test. */
export function startDemo(dir: string, ...more: string[]): Shown {
  const child = spawn(process.execPath, [MAIN, 'demo', '--dir', dir, '--port', '0', '--speed', '3', ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  return {
    child,
    text: () => text,
    ended,
    printed: async line => {
      await expect.poll(() => text, { timeout: 240_000, interval: 20 }).toContain(line)
    },
    toldOrGaveUp: async line => {
      let over = false
      void ended.then(() => (over = true))
      await expect.poll(() => over || text.includes(line), { timeout: 600_000, interval: 20 }).toBe(true)
      return text.includes(line)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** What a running demo has on record. */
export interface Record {
  readonly events: readonly Event<VmEventData>[]
  readonly vms: readonly { readonly uid: string; readonly host: string }[]
  readonly runs: readonly {
    readonly verb: string
    readonly asked_by: string
    readonly hosts: number
    readonly outcome: string
  }[]
  /** Records that could not be stored, or were events that are none of their schema. */
  readonly dead: readonly object[]
}

export async function readRecord(shown: Shown, dir: string): Promise<Record> {
  const url = /virtbridge\s+(http:\S+)/.exec(shown.text())?.[1] ?? ''
  const api = openApi({ url, token: readFileSync(join(dir, 'bridge', 'token'), 'utf8').trim() })
  const events: Event<VmEventData>[] = []
  for (let after = '0'; ;) {
    const page = (await api.get(`/api/v1/events?limit=500&after=${after}`)) as {
      events: Event<VmEventData>[]
      next: string
    }
    if (page.events.length === 0) break
    events.push(...page.events)
    after = page.next
  }
  const { vms } = (await api.get('/api/v1/vms?limit=5000')) as Pick<Record, 'vms'>
  const { runs } = (await api.get('/api/v1/runs')) as Pick<Record, 'runs'>
  const { events: dead } = (await api.get('/api/v1/events?stream=dead')) as { events: readonly object[] }
  return { events, vms, runs, dead }
}

/** Every record was stored. Every VM began once and ended at most once, and those that are there are those that began and did not end. */
export function expectNothingLostOrInvented({ events, vms, dead }: Record): void {
  expect(dead).toEqual([])
  const beginnings = events
    .filter(event => ['discovered', 'created'].includes(event.data.fact))
    .map(event => event.data.vm.uid)
  const ends = events.filter(event => event.data.fact === 'deleted').map(event => event.data.vm.uid)
  const alive = new Set(beginnings)
  for (const uid of ends) alive.delete(uid)
  expect(beginnings).toHaveLength(new Set(beginnings).size)
  expect(ends).toHaveLength(new Set(ends).size)
  expect(new Set(vms.map(vm => vm.uid))).toEqual(alive)
}
