import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { stringify } from 'yaml'
import { parseConfig } from '../../src/config/index.ts'
import type { Day2EventData, Event, VmEventData } from '../../src/event/index.ts'
import { type Service, startService } from '../../src/service.ts'
import { type Api, openApi } from '../../src/cli/api.ts'

/** A bridge as `virtbridge serve` makes it, in this process, on a folder of its own. */
export interface Bridge extends AsyncDisposable {
  readonly folder: string
  readonly service: Service
  readonly url: string
  readonly token: string
  readonly api: Api
  /** Every VM event so far, oldest first. */
  events(): Promise<readonly Event<VmEventData>[]>
  day2(): Promise<readonly Event<Day2EventData>[]>
  /** `fact` of every event of one VM, oldest first. */
  facts(host: string): Promise<readonly string[]>
}

/** Holds that do not keep a test waiting. */
export const SHORT_HOLDS = {
  stopped_hold_seconds: 0.2,
  reachable_hold_seconds: 0.05,
  unreachable_hold_seconds: 0.2,
  address_hold_seconds: 0.05,
  leave_hold_seconds: 0.2,
  heartbeat_seconds: 0.5,
  outage_hold_seconds: 0.2,
}

const TOKEN = 'test-token-of-sixteen-and-more'

/** A folder that is gone with the test. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'virtbridge-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Writes a file into a folder and gives its path. In one go: who watches it in this process never finds it empty. */
export function fileIn(folder: string, name: string, content: string): Promise<string> {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return Promise.resolve(path)
}

/** Of what is audited there is always a line: it goes nowhere, unless somebody asks for lines. */
function loggerOf(level: string): Logger {
  return level === '' ? pino({ level: 'silent' }, { write: () => {} }) : pino({ level })
}

/** Starts a bridge with `config` laid over what a test needs. The same folder again is a restart on the same log. */
export async function startBridge(
  folder: string,
  config: Record<string, unknown>,
  env: Record<string, string> = {},
): Promise<Bridge> {
  const merged = {
    log: { path: './virtbridge.db' },
    http: {
      listen: '127.0.0.1:0',
      tokens: [{ name: 'test', token: { env: 'TEST_TOKEN' }, can: ['read', 'run', 'admin'] }],
    },
    watch: SHORT_HOLDS,
    ...config,
  }
  const service = await startService(parseConfig(stringify(merged), join(folder, 'virtbridge.yaml')), {
    env: { TEST_TOKEN: TOKEN, ...env },
    logger: loggerOf(process.env['TEST_LOG'] ?? ''),
    now: () => Date.now(),
    newId: () => randomUUID(),
  })
  const api = openApi({ url: service.url, token: TOKEN })
  const all = async <D extends object>(stream: string): Promise<readonly Event<D>[]> => {
    const events: Event<D>[] = []
    for (let after = '0'; ;) {
      const page = (await api.get(`/api/v1/events?stream=${stream}&limit=500&after=${after}`)) as {
        events: Event<D>[]
        next: string
      }
      events.push(...page.events)
      if (page.events.length === 0) return events
      after = page.next
    }
  }
  return {
    folder,
    service,
    url: service.url,
    token: TOKEN,
    api,
    events: () => all<VmEventData>('vm'),
    day2: () => all<Day2EventData>('day2'),
    facts: async host =>
      (await all<VmEventData>('vm')).filter(event => event.data.host === host).map(event => event.data.fact),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}
