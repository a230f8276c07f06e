import { watch, type FSWatcher } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { pause, until } from '../waiting.ts'

/** How a file is looked at. */
export interface LookAt {
  /** It counts when it stayed as it is for so long: who writes it may not be done. In ms. */
  readonly settleMs: number
  /** Where nothing tells of changes (a network file system), they are looked for this often, in ms. */
  readonly everyMs: number
  /** Aborts: no more changes. */
  readonly signal: AbortSignal
  /** Calls back whenever somebody asks for a look at once (SIGHUP), until what it gave is called. */
  readonly onAsked?: ((look: () => void) => () => void) | undefined
}

/** Times that it is waited for a file that does not come to rest. */
const MAX_WAITS = 20
/** What a Kubernetes volume swaps when a ConfigMap or Secret changes: every file in it is a link through this one. */
const VOLUME_LINK = '..data'

/**
 * Yields once when it begins to look, then whenever the file was changed, replaced, removed or brought back, also behind symbolic links,
 * and whenever somebody asked. Never twice for one change, and not for other files beside it.
 */
export async function* fileChanges(file: string, look: LookAt): AsyncGenerator<void, void> {
  const { settleMs, everyMs, signal, onAsked } = look
  let [told, asked] = [Promise.withResolvers<void>(), false]
  const wake = (): void => told.resolve()
  using _watching = watchFolder(file, wake)
  const stopAsking = onAsked?.(() => {
    asked = true
    wake()
  })
  try {
    let known = await markOf(file)
    // What was read before it was looked at may be another one.
    if (!signal.aborted) yield
    while (!signal.aborted) {
      await until(told.promise, signal, everyMs)
      if (signal.aborted) return
      told = Promise.withResolvers<void>()
      const [was, wanted] = [known, asked]
      asked = false
      known = await settled(file, settleMs, signal)
      if ((wanted || known !== was) && !signal.aborted) yield
    }
  } finally {
    stopAsking?.()
  }
}

/** What tells one content of a file from another, when nobody wants to deceive: which file it really is, and since when. */
async function markOf(file: string): Promise<string> {
  try {
    const real = await realpath(file)
    const { ino, size, mtimeNs } = await stat(real, { bigint: true })
    return `${real} ${ino} ${size} ${mtimeNs}`
  } catch {
    return 'gone'
  }
}

/** The mark that stayed for `settleMs`. */
async function settled(file: string, settleMs: number, signal: AbortSignal): Promise<string> {
  let mark = await markOf(file)
  for (let waits = 0; waits < MAX_WAITS && !signal.aborted; waits += 1) {
    await pause(settleMs, signal)
    const next = await markOf(file)
    if (next === mark) break
    mark = next
  }
  return mark
}

/** Tells of the file and of the link of its volume; of nothing where a folder can not be watched: then looking again has to do. */
function watchFolder(file: string, wake: () => void): Disposable {
  const own = basename(file)
  let watcher: FSWatcher | null = null
  try {
    watcher = watch(dirname(file), { persistent: false }, (_kind, name) => {
      if (name === null || name === own || name === VOLUME_LINK) wake()
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    watcher = null
  }
  return { [Symbol.dispose]: () => watcher?.close() }
}
