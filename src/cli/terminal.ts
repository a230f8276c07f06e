import Table from 'cli-table3'
import { styleText } from 'node:util'

/** Where a command prints and asks. `out` is standard output, for the answer alone; `err` is standard error, for progress, questions and faults. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly colours: boolean
  readonly interactive: boolean
  /** Asks a yes-or-no question. Resolves with false when there is nobody to answer, as in a pipe. */
  readonly ask: (question: string) => Promise<boolean>
  /** Asks for a secret without showing it. Null, or left out, when there is nobody to answer. */
  readonly askHidden?: (question: string) => Promise<string | null>
  /** Reads standard input as text, and stops soon after `most` characters. Left out where there is none. */
  readonly input?: (most: number) => Promise<string>
}

/** A colour sequence, which is ours or harmless, or any other character that makes a terminal do something. */
const CONTROL =
  // oxlint-disable-next-line no-control-regex -- control characters are what it finds
  /\u001b\[[0-9;]{0,16}m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** The text with every control or bidirectional character but colours replaced, so that text from others can not move the cursor, set the title or reorder a line. */
export function harmless(text: string): string {
  return text.replace(CONTROL, found => (found.length > 1 ? found : '\ufffd'))
}

type Style = 'green' | 'red' | 'yellow' | 'dim' | 'bold' | 'cyan'

/** The text in a style, or as it is on a terminal without colours. */
export function paint(terminal: Pick<Terminal, 'colours'>, style: Style, text: string): string {
  return terminal.colours ? styleText(style, text, { validateStream: false }) : text
}

/** A table of aligned columns without frames, so that `cut`, `awk` and `grep` can read it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const bare = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  }
  const inner = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' }
  const made = new Table({
    head: [...head],
    chars: { ...bare, ...inner },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  for (const row of rows) made.push([...row])
  return made.toString().replace(/ +$/gm, '')
}
