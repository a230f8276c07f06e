import { Worker } from 'node:worker_threads'
import { Fault, messageOf } from '../../errors.ts'
import type { WriterAnswer, WriterData, WriterRequest } from './writer.ts'

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED = new Set([11, 26])
/** SQLite's primary result code is the low byte of the extended one. */
export const PRIMARY = 0xff

/** The writing thread, seen from the other side: it answers in the order it is asked, and may be asked again before it did. */
export class WriterThread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #asked: ((answer: WriterAnswer) => void)[] = []
  #ended = ''

  /** Starts it. Throws a Fault when the file is none that this program may use, an Error when it can not be opened. */
  static async start(data: WriterData): Promise<WriterThread> {
    const source = new URL(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js', import.meta.url)
    const thread = new WriterThread(new Worker(source, { workerData: data }))
    const answer = await thread.#answer()
    if (answer.kind === 'opened') return thread
    await thread.#worker.terminate()
    if (answer.kind === 'refused') throw new Fault(answer.code, answer.message, { hint: answer.hint })
    if (answer.kind === 'failed' && DAMAGED.has(answer.code & PRIMARY)) {
      throw new Fault('log_damaged', `${data.file} can not be read as a log: ${answer.message}`, {
        hint: 'restore it from a backup, or move it away to start anew: the VMs are then adopted again; nothing was changed',
      })
    }
    throw new Error(answer.kind === 'failed' ? answer.message : 'an unexpected answer')
  }

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (answer: WriterAnswer) => this.#asked.shift()?.(answer))
    worker.on('error', error => this.#end(messageOf(error)))
    worker.on('exit', () => this.#end('the writing thread ended'))
  }

  /** What it says to it. Never rejects: a thread that ended fails everything. */
  ask(request: WriterRequest): Promise<WriterAnswer> {
    if (this.#ended !== '') return Promise.resolve(failed(this.#ended))
    this.#worker.postMessage(request)
    return this.#answer()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ask({ kind: 'close' })
    await this.#worker.terminate()
  }

  #answer(): Promise<WriterAnswer> {
    return new Promise(resolve => this.#asked.push(resolve))
  }

  #end(message: string): void {
    this.#ended ||= message
    for (const answer of this.#asked.splice(0)) answer(failed(this.#ended))
  }
}

function failed(message: string): WriterAnswer {
  return { kind: 'failed', code: 0, message }
}
