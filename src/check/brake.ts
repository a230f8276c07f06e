import type { Config } from '../config/index.ts'
import { counted } from '../whole-number.ts'
import type { Finding } from './finding.ts'

/** A brake that lets more than this start in an hour stops no mistake: by the time that a person is asked, a large fleet has had it. */
const BRAKES_NOTHING_PER_HOUR = 1_000

/** How much may start by itself before a person is asked. Whether the brake holds something now is for `virtbridge brake`: only who runs knows. */
export function brakeFinding({ verbs, dispatch }: Pick<Config, 'verbs' | 'dispatch'>): Finding {
  const what = 'what starts by itself'
  const { hosts, per_seconds: seconds } = dispatch.brake
  const driver = verbs['onboard']?.driver ?? 'off'
  if (driver !== 'bridge')
    return { what, result: 'ok', detail: `nothing: the driver of onboard is ${driver}`, hint: '' }
  const detail = `onboard, on at most ${counted(hosts, 'host')} within ${seconds} s; one more asks a person`
  if ((hosts * 3600) / seconds <= BRAKES_NOTHING_PER_HOUR) return { what, result: 'ok', detail, hint: '' }
  return {
    what,
    result: 'warn',
    detail: `${detail}, which brakes next to nothing`,
    hint: `set dispatch.brake to what is usual here, at most ${BRAKES_NOTHING_PER_HOUR.toLocaleString('en')} hosts an hour`,
  }
}
