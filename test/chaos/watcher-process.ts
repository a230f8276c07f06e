import { pause } from '../../src/waiting.ts'
import { startWatcher } from './watcher.ts'

/** A watcher in a process of its own, to be killed: `watcher-process.ts <json>`. Says `synced` when it is. */
const { folder, url, ca, token } = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>
const watcher = await startWatcher({
  folder: folder ?? '',
  url: url ?? '',
  ca: ca ?? '',
  token: () => Promise.resolve(token ?? ''),
})
const before = watcher.watch.record
const forever = new AbortController().signal
while (watcher.watch.record.status !== 'synced' || watcher.watch.record === before) await pause(5, forever)
process.stdout.write('synced\n')
for (;;) await pause(60_000, forever)
