import { closeSync, openSync } from 'node:fs'

/**
 * Makes an empty file that only its owner may read or write: a log has the variables of runs and all of the fleet in it. A file that is
 * there already keeps the mode that somebody gave it. SQLite gives its journals the mode of their file. Throws as `open` does.
 */
export function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
}
