import { type Logger, type LoggerOptions, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'
import { inert } from './inert.ts'

/**
 * The program's logger: constant sentences with fields, JSON lines for machines or one line each for people. What may hold a secret is
 * cut out by name, as a last line of defence: no code should hand it one. `unaudited`: nothing below the level is written, not even what
 * is always written for the record.
 */
export function createLogger(options: { level: string; people: boolean; unaudited?: boolean }): Logger {
  const least = pino.levels.values[options.level] ?? 0
  const logMethod: NonNullable<LoggerOptions['hooks']>['logMethod'] = function (args, method, level) {
    if (level >= least) method.apply(this, args)
  }
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // Whatever a guest, a cluster or a client wrote into it.
    hooks: { streamWrite: inert, ...(options.unaudited === true ? { logMethod } : {}) },
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: ['token', '*.token', 'authorization', '*.authorization', '*.headers.authorization'],
      censor: '[cut]',
    },
  }
  // On a terminal the log shares the screen with what a command prints, so it goes to stderr.
  if (options.people)
    return pino(
      settings,
      pretty({ colorize: process.stderr.isTTY, destination: 2, ignore: 'pid,hostname', sync: true }),
    )
  return pino(settings)
}

export type { Logger }
