import { fileURLToPath } from 'node:url'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { pino } from 'pino'
import { Ledger, loadLedger } from '../../src/day2/index.ts'
import { Fleet } from '../../src/fleet/index.ts'
import { buildApp, ConsumerRegister, createAuthenticator } from '../../src/http/index.ts'
import { InventoryCache } from '../../src/inventory/index.ts'
import { type Entry, openSqliteLog } from '../../src/log/index.ts'
import { createMetrics } from '../../src/telemetry/index.ts'

/** The HTTP face over a log in a file, as a process of its own, which may be killed. What is sent to it is appended. */
export interface StreamProcess extends AsyncDisposable {
  readonly url: string
  /** Resolves when the entries are durable. */
  append(entries: readonly Entry[]): Promise<void>
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>
}

export const STREAM_TOKEN = 'token-of-the-stream-process'

/** Starts one on the log in `file`, at a port (0: any). The same file and port again is a restart. */
export async function startStreamProcess(file: string, port = 0): Promise<StreamProcess> {
  const child = fork(fileURLToPath(import.meta.url), [file, String(port)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const answered = async (): Promise<string> => {
    const gone = once(child, 'exit').then(() => Promise.reject(new Error('the process of the stream has ended')))
    gone.catch(() => undefined)
    return ((await Promise.race([once(child, 'message'), gone])) as [string])[0]
  }
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const url = await answered()
  return {
    url,
    append: async entries => {
      child.send(entries)
      await answered()
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

async function main(file: string, port: number): Promise<void> {
  const now = Date.now
  const signal = new AbortController().signal
  const log = await openSqliteLog({ file, retentionMs: 1e12, auditRetentionMs: 1e12 })
  const logger = pino({ level: 'silent' })
  const [fleet, ledger] = [new Fleet(), new Ledger()]
  const limits = { staleAfterMs: 60_000, disableAfterMs: 3_600_000 }
  const verbsOf = (): { onboard: string; patch: string } => ({ onboard: '', patch: '' })
  const inventory = new InventoryCache({ fleet, expected: [], limits, labelGroups: [], verbsOf, now })
  const consumers = new ConsumerRegister({ log, now, logger })
  await loadLedger(log, entry => consumers.restore(entry))
  const app = buildApp({
    log,
    fleet,
    ledger,
    inventory,
    consumers,
    explain: () => {
      throw new Error('not asked for here')
    },
    verbs: new Map(),
    controllerConfigured: false,
    expected: [],
    checks: () => [],
    authenticate: createAuthenticator([{ name: 'eda', can: ['read'], read: () => STREAM_TOKEN }], { now }),
    metrics: createMetrics(),
    logger,
    version: '0.0.0-test',
    now,
    newId: () => 'id',
    signal,
  })
  const url = await app.listen({ host: '127.0.0.1', port })
  process.on('message', (entries: readonly Entry[]) => void log.append(entries).then(() => process.send?.('appended')))
  process.on('disconnect', () => process.exit(0))
  process.send?.(url)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2] ?? '', Number(process.argv[3]))
