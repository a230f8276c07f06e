/** What is wrong with a controller's object, and how to mend it there. `stop`: nothing is launched before it is mended. */
export interface Hazard {
  readonly code: string
  readonly severity: 'stop' | 'warn'
  readonly message: string
  readonly mend: string
}

/** A hazard that nothing is launched beside. */
export function stop(code: string, message: string, mend: string): Hazard {
  return { code, severity: 'stop', message, mend }
}

/** A hazard that is told, and launched beside all the same. */
export function warn(code: string, message: string, mend: string): Hazard {
  return { code, severity: 'warn', message, mend }
}
