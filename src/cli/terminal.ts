import Table from 'cli-table3'
import { styleText } from 'node:util'

/** Where a command prints. `out` is the answer, `err` is for people: progress, questions, faults. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly colours: boolean
  readonly interactive: boolean
  /** Asks a yes-or-no question; false when nobody can answer. */
  readonly ask: (question: string) => Promise<boolean>
  /** Asks for what nobody may see; null, or left out, when nobody can answer. */
  readonly askHidden?: (question: string) => Promise<string | null>
  /** The standard input as text; of one that is longer than `most` a little more than that. Left out where there is none. */
  readonly input?: (most: number) => Promise<string>
}

/** Colours, which are ours or do no harm, and what else would have a terminal do something. */
// oxlint-disable-next-line no-control-regex -- control characters are what it finds
const CONTROL =
  /\u001b\[[0-9;]{0,16}m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Text as a terminal may take it: what others wrote in it moves no cursor, sets no title, and turns no line around. */
export function harmless(text: string): string {
  return text.replace(CONTROL, found => (found.length > 1 ? found : '\ufffd'))
}

type Style = 'green' | 'red' | 'yellow' | 'dim' | 'bold' | 'cyan'

/** Text in a colour where the terminal has some. */
export function paint(terminal: Pick<Terminal, 'colours'>, style: Style, text: string): string {
  return terminal.colours ? styleText(style, text, { validateStream: false }) : text
}

/** Rows under a head, without frames, so that it can be cut and grepped. */
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
  return made.toString()
}
