import { writeFileSync } from 'node:fs'
import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileChanges } from '../../src/config/index.ts'
import { pause } from '../../src/waiting.ts'
import { temporaryFolder } from '../support/bridge.ts'

const SOON = { timeout: 60_000, interval: 5 }
/** Long enough that no test that waits for it would pass. */
const NEVER_MS = 600_000

/** Counts what is told of a file, the first look left out. `ask` is what a SIGHUP does. */
async function counting(file: string, everyMs = NEVER_MS) {
  const [stop, count, ask] = [new AbortController(), { changes: -1 }, { now: (): void => undefined }]
  const changes = fileChanges(file, {
    settleMs: 20,
    everyMs,
    signal: stop.signal,
    onAsked: look => {
      ask.now = look
      return () => void (ask.now = () => undefined)
    },
  })
  const ended = (async () => {
    for await (const _ of changes) count.changes += 1
  })()
  await expect.poll(() => count.changes, SOON).toBe(0)
  return {
    count,
    ask: () => ask.now(),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

test('a file that is written, replaced by another, removed and brought back is told of each time, once', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'virtbridge.yaml')
  await writeFile(file, 'a: 1')
  await using seen = await counting(file)
  // In one go: who is slow would find it empty, and that is a change too.
  writeFileSync(file, 'a: 22')
  await expect.poll(() => seen.count.changes, SOON).toBe(1)
  await writeFile(join(folder.path, 'next'), 'a: 333')
  await rename(join(folder.path, 'next'), file)
  await expect.poll(() => seen.count.changes, SOON).toBe(2)
  await rm(file)
  await expect.poll(() => seen.count.changes, SOON).toBe(3)
  writeFileSync(file, 'a: 4')
  await expect.poll(() => seen.count.changes, SOON).toBe(4)
})

test('a volume of a ConfigMap that is swapped as the kubelet does it is told of', async () => {
  await using folder = await temporaryFolder()
  const at = (...path: string[]): string => join(folder.path, ...path)
  await mkdir(at('..2026_1'))
  await writeFile(at('..2026_1', 'virtbridge.yaml'), 'a: 1')
  await symlink('..2026_1', at('..data'))
  await symlink(join('..data', 'virtbridge.yaml'), at('virtbridge.yaml'))
  await using seen = await counting(at('virtbridge.yaml'))
  // What pkg/volume/util/atomic_writer.go does: a new folder, a new link beside the old, renamed over it.
  await mkdir(at('..2026_2'))
  await writeFile(at('..2026_2', 'virtbridge.yaml'), 'a: 2')
  await symlink('..2026_2', at('..data_tmp'))
  await rename(at('..data_tmp'), at('..data'))
  await rm(at('..2026_1'), { recursive: true })
  await expect.poll(() => seen.count.changes, SOON).toBe(1)
})

test('where nothing tells of a change it is looked for; other files beside it are nobody’s concern', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'far'))
  const [link, real] = [join(folder.path, 'virtbridge.yaml'), join(folder.path, 'far', 'real.yaml')]
  await writeFile(real, 'a: 1')
  await symlink(real, link)
  await using seen = await counting(link, 30)
  await writeFile(join(folder.path, 'virtbridge.db'), 'x')
  writeFileSync(real, 'a: 22')
  await expect.poll(() => seen.count.changes, SOON).toBe(1)
})

test('a file that never comes to rest is told of all the same, after twenty waits', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'virtbridge.yaml')
  await writeFile(file, '')
  await using seen = await counting(file)
  const writing = new AbortController()
  const written = (async () => {
    while (!writing.signal.aborted) {
      await appendFile(file, 'x')
      await pause(2, writing.signal)
    }
  })()
  await expect.poll(() => seen.count.changes, SOON).toBeGreaterThan(0)
  writing.abort()
  await written
})

test('who asks for a look gets one, whether anything changed or not', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'virtbridge.yaml')
  await writeFile(file, 'a: 1')
  await using seen = await counting(file)
  seen.ask()
  await expect.poll(() => seen.count.changes, SOON).toBe(1)
})
