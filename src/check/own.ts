import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Config, type KafkaConfig, type LogConfig, readSecret, type TokenConfig } from '../config/index.ts'
import { Fault } from '../errors.ts'
import { isTokenValue } from '../http/index.ts'
import { type Loss, openSqliteLog } from '../log/index.ts'
import { faultIn, glimpse, inspectLosses, inspectTopics } from '../log/kafka/index.ts'
import { roomToMigrate } from '../log/sqlite/migrate.ts'
import { refuseHalfCopied } from '../service/log/copy-log.ts'
import { meaningOf } from '../service/log/losses.ts'
import { connectionOf, topicsOf } from '../service/log/open-log.ts'
import { failure, type Finding } from './finding.ts'

/** Less room than this on the log's disk is warned of. */
const ROOM_BYTES = 512 * 1024 * 1024

interface CheckOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The log can be opened and written, or is held by a virtbridge that runs. */
export async function* checkLog({ config, env }: CheckOptions): AsyncIterable<Finding> {
  if (config.log.kafka === undefined) yield* checkFile(config)
  else yield* checkTopics(config.log, config.log.kafka, env)
}

/** The brokers answer and the topics are as they have to be. It is not opened: that would take it from the virtbridge that runs. */
async function* checkTopics(log: LogConfig, kafka: KafkaConfig, env: CheckOptions['env']): AsyncIterable<Finding> {
  const what = `log on Kafka at ${kafka.brokers.join(', ')}`
  try {
    const report = await inspectTopics(connectionOf(kafka, env), topicsOf(log, kafka))
    const fault = faultIn(report)
    if (fault !== null) return yield { what, result: 'fail', detail: fault.message, hint: fault.hint }
    yield { what, result: 'ok', detail: `${report.topics.length} topics are as they have to be`, hint: '' }
    const reading = { connection: connectionOf(kafka, env), prefix: kafka.topic_prefix, partitions: kafka.partitions }
    yield* tellLosses(await inspectLosses(reading, kafka.partitions_per_cluster))
    await glimpse(reading, kafka.partitions_per_cluster, refuseHalfCopied)
  } catch (error) {
    yield failure(what, error)
  }
}

async function* checkFile(config: Config): AsyncIterable<Finding> {
  const what = `log ${config.log.path}`
  try {
    const folder = nearest(dirname(config.log.path))
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    const room = bavail * bsize
    // A log that is not there yet is left for the start to make, and an older one to migrate.
    const older = existsSync(config.log.path) ? olderLog(config.log.path, room) : null
    if (older !== null) return yield { what, ...older }
    if (existsSync(config.log.path)) yield* tryLog(config.log.path, what)
    const free = `${Math.round(room / 1024 / 1024)} MB free`
    if (room < ROOM_BYTES)
      yield { what, result: 'warn', detail: `writable, but only ${free}`, hint: 'give its disk more room' }
    else yield { what, result: 'ok', detail: `writable, ${free}`, hint: '' }
  } catch (error) {
    if (error instanceof Fault && error.code === 'log_held')
      yield {
        what,
        result: 'ok',
        detail: error.message.replace(`${config.log.path} `, ''),
        hint: 'a second `virtbridge serve` on it would refuse to start',
      }
    else yield { ...failure(what, error), hint: hintOf(error) }
  }
}

/** What the next start does to a log of an older virtbridge; null for any other, and for what opening it tells better. */
function olderLog(file: string, room: number): Omit<Finding, 'what'> | null {
  try {
    const needed = roomToMigrate(file)
    if (needed === 0) return null
    const detail = `of an older virtbridge: the next start migrates it, which needs ${Math.ceil(needed / 1_048_576)} MB`
    const hint = 'keep a copy: the older version refuses it from then on'
    return { result: room < needed ? 'fail' : 'ok', detail, hint: room < needed ? 'make room on its disk' : hint }
  } catch {
    return null
  }
}

/** The start makes the folders that are missing: what counts is the one that they would be made in. */
function nearest(folder: string): string {
  if (!existsSync(folder)) return nearest(dirname(folder))
  if (statSync(folder).isDirectory()) return folder
  throw new Error(`${folder} is no folder`)
}

function hintOf(error: unknown): string {
  return error instanceof Fault ? error.hint : 'log.path must name a file in a folder this process may write'
}

function* tellLosses(losses: readonly Loss[]): Iterable<Finding> {
  for (const { stream, reason } of losses)
    yield { what: `records of ${stream}`, result: 'fail', detail: reason, hint: meaningOf(stream) }
}

async function* tryLog(file: string, what: string): AsyncIterable<Finding> {
  const forever = Number.MAX_SAFE_INTEGER
  await using log = await openSqliteLog({ file, retentionMs: forever, auditRetentionMs: forever })
  const { writable, reason, notice = '' } = log.health()
  if (!writable) throw new Fault('log_open', reason, { hint: 'make room on its disk, or mend its permissions' })
  if (notice !== '') yield { what, result: 'warn', detail: notice, hint: '' }
  yield* tellLosses(log.losses())
}

const MONTH_MS = 30 * 24 * 3_600_000

/** What is to be said of one token whose source has this. */
function tokenFinding(token: TokenConfig, value: string, now: number): Omit<Finding, 'what'> {
  const ends = token.expires === undefined ? Infinity : Date.parse(token.expires)
  const wrong = value.split(/\s+/).find(one => !isTokenValue(one))
  if (wrong !== undefined)
    return {
      result: 'warn',
      detail: 'lets nobody in: it is shorter than 16 characters, or no hash',
      hint: 'openssl rand -hex 24, or sha256: and the 64 hexadecimal digits of its SHA-256',
    }
  if (ends <= now)
    return { result: 'warn', detail: `expired on ${token.expires}`, hint: 'set expires, or take it away' }
  const soon = ends - now < MONTH_MS
  const only = token.clusters === undefined && token.namespaces === undefined ? '' : ', in a part of the fleet'
  const until = token.expires === undefined ? '' : `, until ${token.expires}`
  return {
    result: soon ? 'warn' : 'ok',
    detail: `may ${token.can.join(', ')}${only}${until}`,
    hint: soon ? 'give out a new one before it ends' : '',
  }
}

/** The tokens of the API can be read, and are no trivial ones. */
export async function* checkTokens(options: CheckOptions): AsyncIterable<Finding> {
  const { tokens } = options.config.http
  if (tokens.length === 0)
    yield {
      what: 'http tokens',
      result: 'warn',
      detail: 'none is configured: the API answers nobody',
      hint: 'add one under http.tokens',
    }
  for (const token of tokens) {
    const what = `http token ${token.name}`
    try {
      yield { what, ...tokenFinding(token, readSecret(token.token, options.env), Date.now()) }
    } catch (error) {
      yield failure(what, error)
    }
  }
}
