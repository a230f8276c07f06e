import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'
import { createStore } from './store.ts'
import type { Store } from './store.ts'

const VERSION = 1

/** Where the store is kept between runs. */
export type Durable = {
  /** The store as it was saved last, or an empty one. */
  load(): Store
  /** Makes the store safe before the answer that tells of it goes out. Does nothing when nothing changed. */
  save(store: Store): void
}

/** Keeps nothing: the store dies with the process. */
export function forgetful(): Durable {
  return { load: () => createStore(), save: () => undefined }
}

/**
 * One JSON file in `dir`, replaced as a whole: a reader finds the old one or the new one, never a part.
 * Right for the tens of hosts of a demo; every save writes everything.
 */
export function fileDurable(dir: string): Durable {
  const path = join(dir, 'controller.json')
  let written = ''
  return {
    load() {
      mkdirSync(dir, { recursive: true })
      const text = readIfThere(path)
      return text === undefined ? createStore() : parseStore(path, text)
    },
    save(store) {
      const text = JSON.stringify({ version: VERSION, store })
      if (text === written) return
      const next = `${path}.next`
      const file = openSync(next, 'w', 0o600)
      try {
        writeSync(file, text)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(next, path)
      written = text
    },
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parseStore(path: string, text: string): Store {
  try {
    const { version, store } = JSON.parse(text) as { version: number; store: { [name in keyof Store]?: unknown } }
    if (version !== VERSION) throw new Error(`it is of version ${version}, this program writes version ${VERSION}`)
    return createStore(store)
  } catch (error) {
    throw new Fault('controller_state', `the simulated controller can not read ${path}: ${messageOf(error)}`, {
      hint: 'Start the demo with --fresh, or remove the file.',
      cause: error,
    })
  }
}
