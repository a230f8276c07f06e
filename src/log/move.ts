import { type Position, START, type Stream, type Value } from './log.ts'

/** Where on `state.runs` a log says that it is a copy in the making, and how far it is. No view of the ledger reads it. */
export const MOVE_KEY = 'move/log'

/** How far a log was copied from another one. Written together with what was copied, so that it is never wrong. */
export interface Move {
  readonly schema: 1
  readonly kind: 'move'
  /** Which log it comes from. */
  readonly from: string
  readonly status: 'going' | 'done'
  /** Up to where each stream was copied, in positions of the log that it comes from. */
  readonly positions: Readonly<Partial<Record<Stream, Position>>>
  /** The position here that stands for `handled` there: up to where commands had been taken in. */
  readonly commands: { readonly handled: Position; readonly position: Position }
  /** Entries so far. */
  readonly entries: number
}

/** A move of the log at `from` of which nothing was copied yet. */
export function newMove(from: string): Move {
  const commands = { handled: START, position: START }
  return { schema: 1, kind: 'move', from, status: 'going', positions: {}, commands, entries: 0 }
}

/** What a value of `state.runs` says of a move; null when it says nothing. */
export function moveOf(value: Value | null): Move | null {
  return value !== null && 'kind' in value && value.kind === 'move' ? (value as Move) : null
}
