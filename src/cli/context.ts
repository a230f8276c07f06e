import type { Terminal } from './terminal.ts'

/** What `runProgram()` is given by the process; tests give their own. */
export interface ProgramContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly now: () => number
  readonly newId: () => string
  readonly terminal: Terminal
  /** Calls `asked` on each SIGHUP, and returns a function that ends that. Left out where there are no signals. */
  readonly onHangup?: (asked: () => void) => () => void
}
