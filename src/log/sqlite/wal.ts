import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

/** From this size on it is emptied whenever it can be; SQLite alone keeps it at about 4 MB when nobody reads. */
const EMPTY_BYTES = 67_108_864
/** While somebody reads it can not be emptied: it is tried again when it has grown by so much. */
const AGAIN_BYTES = 16_777_216
/** What is left of it on disk when it begins anew. */
const KEPT_BYTES = 16_777_216
/** How long emptying it waits for readers. Ours are done in a few ms. */
const WAIT_MS = 200
const BUSY_MS = 5_000
/** SQLITE_BUSY: it passes. */
const BUSY = 5

/** Whoever reads the log as it was at one moment keeps its write-ahead log from being emptied, and so growing. */
class WalHeld extends Error {
  readonly errcode = BUSY

  constructor(bytes: number) {
    const megabytes = Math.round(bytes / 1_048_576)
    super(`another program has read the log for so long that its write-ahead log has ${megabytes} MB; end that program`)
  }
}

/** The write-ahead log of a database, kept small. */
export class Wal {
  readonly #db: DatabaseSync
  readonly #file: string
  readonly #most: number
  #tryAt: number
  /** How much may still be written before it can be so large that it must be looked at. */
  #room = 0

  /** `most`: how large it may be, in bytes. */
  constructor(db: DatabaseSync, file: string, most: number) {
    this.#db = db
    this.#file = `${file}-wal`
    this.#most = most
    this.#tryAt = Math.min(EMPTY_BYTES, most)
    db.exec(`PRAGMA journal_size_limit = ${KEPT_BYTES}`)
  }

  bytes(): number {
    return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0
  }

  /**
   * Before so many bytes are written, at most: empties it when it is large. Throws a `WalHeld` when it is too large and somebody keeps it
   * from being emptied. It is looked at only when it may be large by now: a look costs as much as a statement.
   */
  ensureRoom(more: number): void {
    if (this.#room <= 0) this.#look()
    this.#room -= more
  }

  /** Something else was written, nobody knows how much. */
  grown(): void {
    this.#room = 0
  }

  #look(): void {
    const bytes = this.bytes()
    if (bytes >= this.#tryAt) {
      if (this.#empty()) this.#tryAt = Math.min(EMPTY_BYTES, this.#most)
      else if (bytes >= this.#most) throw new WalHeld(bytes)
      else this.#tryAt = Math.min(bytes + AGAIN_BYTES, this.#most)
    }
    this.#room = this.#tryAt - bytes
  }

  #empty(): boolean {
    this.#db.exec(`PRAGMA busy_timeout = ${WAIT_MS}`)
    const { busy } = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    this.#db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    return busy === 0
  }
}
