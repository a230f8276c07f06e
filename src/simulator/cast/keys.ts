import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../../errors.ts'

/** What a fleet keeps between starts besides its objects: its tokens, and the ports its servers had. */
export interface Keys {
  tokens: Record<string, string>
  ports: Record<string, number>
}

/**
 * Reads the keys of a fleet, or begins new ones. The folder is made when missing.
 *
 * @throws Fault `simulator_keys` when folder or file cannot be used
 */
export function readKeys(dir: string): Keys {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return JSON.parse(readFileSync(join(dir, 'fleet.json'), 'utf8')) as Keys
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { tokens: {}, ports: {} }
    throw new Fault(
      'simulator_keys',
      `cannot read the simulated fleet's ${join(dir, 'fleet.json')}: ${messageOf(error)}`,
      {
        hint: 'check that the folder is yours and writable, or start again with --fresh to forget it',
        cause: error,
      },
    )
  }
}

/** Writes the keys in one piece, for nobody else to read. */
export function writeKeys(dir: string, keys: Keys): void {
  const file = join(dir, 'fleet.json')
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, JSON.stringify(keys, null, 2), { mode: 0o600 })
  chmodSync(draft, 0o600)
  renameSync(draft, file)
}

/** The token of this name; made at its first use. */
export function tokenFor(keys: Keys, name: string): string {
  return (keys.tokens[name] ??= randomBytes(32).toString('base64url'))
}
