import type { Terminal } from './terminal.ts'

/** Between two lines of progress, in ms. */
const EVERY_MS = 1_000

/** Says how far something is: a line a second on a terminal, none for programs. */
export function progressOn(
  terminal: Pick<Terminal, 'interactive' | 'err'>,
  now: () => number,
): (what: string, done: number, total: number, unit: string) => void {
  let told = now()
  return (what, done, total, unit) => {
    if (!terminal.interactive || now() - told < EVERY_MS) return
    told = now()
    const share = total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100))
    const count = (value: number): string => Math.round(value).toLocaleString('en')
    terminal.err(`${String(share).padStart(3)} %  ${what} ${count(done)} of ${count(total)} ${unit}`)
  }
}
