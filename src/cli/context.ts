import type { Terminal } from './terminal.ts'

/** What a program run is given by the process. */
export interface ProgramContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly now: () => number
  readonly newId: () => string
  readonly terminal: Terminal
  /** Calls back on each SIGHUP, until what it gave is called; left out where nobody can send one. */
  readonly onHangup?: (asked: () => void) => () => void
}
