import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Fault } from '../errors.ts'

interface Place {
  readonly input: NodeJS.ReadableStream
  readonly output: Pick<NodeJS.WritableStream, 'write'>
  readonly signal: AbortSignal
}

/** Asks a person for something that nobody may see: what is typed is not shown. Throws a Fault `interrupted` on Ctrl-C. */
export async function hiddenAnswer(question: string, { input, output, signal }: Place): Promise<string> {
  const stopped = new AbortController()
  // As a terminal is read key by key, it shows nothing by itself; what readline would show goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  output.write(`${question}: `)
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  lines.on('SIGINT', () => stopped.abort())
  try {
    return await lines.question('', { signal: AbortSignal.any([signal, stopped.signal]) })
  } catch (error) {
    if (!stopped.signal.aborted && !signal.aborted) throw error
    throw new Fault('interrupted', 'nothing was started', { hint: 'ask again when the secret is at hand' })
  } finally {
    lines.close()
    output.write('\n')
  }
}
