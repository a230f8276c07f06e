import { readdirSync, readFileSync } from 'node:fs'

const FOLDER = new URL('../../fixtures/awx/', import.meta.url)

/** One recorded exchange with a real controller. */
export type Recording = {
  request: { method: string; path: string; body: unknown }
  response: { status: number; headers: { [name: string]: string }; body: unknown }
}

/** The recorded exchanges' names, without `.json`. */
export function recordingNames(): string[] {
  return readdirSync(FOLDER)
    .filter(name => name.endsWith('.json'))
    .map(name => name.replace('.json', ''))
    .sort()
}

export function readRecording(name: string): Recording {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as Recording
}

/** The one recording whose number this is. */
export function recordingNumbered(number: string): string {
  const found = recordingNames().filter(name => name.startsWith(`${number}-`))
  if (found.length !== 1) throw new Error(`${found.length} recordings are numbered ${number}`)
  return found[0] ?? ''
}
