import type { EventLog } from '../../src/log/index.ts'

/** A log as it is, but for what becomes of an append. Who opened the log closes it. */
export function appending(log: EventLog, append: EventLog['append']): EventLog {
  return {
    append,
    follow: (stream, from, signal) => log.follow(stream, from, signal),
    page: (stream, from, limit) => log.page(stream, from, limit),
    latest: stream => log.latest(stream),
    end: stream => log.end(stream),
    health: () => log.health(),
    losses: () => log.losses(),
    confirmLoss: id => log.confirmLoss(id),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
