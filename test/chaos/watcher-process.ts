import { createInterface } from 'node:readline'
import { pause } from '../../src/waiting.ts'
import { KubeClient } from '../servers/kube-client.ts'
import { disagreement } from './judge.ts'
import { startWatcher } from './watcher.ts'

/** What a watcher in a process of its own is told. */
export interface Work {
  readonly folder: string
  /** Where it asks, mostly a proxy; and where the API server is itself. */
  readonly url: string
  readonly ca: string
  readonly token: string
  readonly direct?: { readonly url: string; readonly ca: string }
}

/**
 * A watcher in a process of its own, to be killed: `watcher-process.ts <Work as JSON>`. Says `synced` when it is; to the line `judge` it
 * says what its log and the API server disagree in, as JSON.
 */
const { folder, url, ca, token, direct } = JSON.parse(process.argv[2] ?? '{}') as Work
const watcher = await startWatcher({
  folder,
  url,
  ca,
  token: () => Promise.resolve(token),
  // A connection that is dead is found out in seconds, not minutes.
  requestTimeoutMs: 1_500,
  reflect: { stallMs: 2_000 },
})
const client = new KubeClient({ url, ca, ...direct, token })
createInterface({ input: process.stdin }).on('line', () => {
  void disagreement(watcher.log, client).then(wrong => process.stdout.write(`${JSON.stringify(wrong)}\n`))
})
const before = watcher.watch.record
const forever = new AbortController().signal
while (watcher.watch.record.status !== 'synced' || watcher.watch.record === before) await pause(5, forever)
process.stdout.write('synced\n')
for (;;) await pause(60_000, forever)
