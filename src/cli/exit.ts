/** The exit codes of every command. `bug`: an error that is no Fault. `cutShort`: a second signal, which waits for nothing. */
export const EXIT = { ok: 0, fault: 1, usage: 2, found: 3, runNotOk: 4, bug: 70, cutShort: 130 } as const

/** Says how the program ends when it ended well by itself: a command that found something may say so. */
export type SetCode = (code: number) => void
