import { Fault, messageOf } from '../../src/errors.ts'

/** An error that Vitest prints as the lines a person needs, without a stack or a cause that repeat them. */
export function plain(error: unknown): Error {
  const text = error instanceof Fault ? `${error.message}\n${error.hint}`.trimEnd() : messageOf(error)
  const told = new Error(text)
  told.stack = text
  return told
}
