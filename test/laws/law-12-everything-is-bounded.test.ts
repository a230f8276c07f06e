import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { jsonLines } from '../../src/kube/lines.ts'
import { list } from '../../src/kube/list.ts'
import { plainText } from '../../src/event/index.ts'
import { projectVm, projectVmi } from '../../src/vm/index.ts'
import { openDesk } from '../http/desk.ts'
import { clientOf, startScripted } from '../kube/world.ts'

const root = join(import.meta.dirname, '..', '..')
const HERE = 'laws/law-12-everything-is-bounded'

/**
 * Every bound in the code: its file and name, its value, and where it is proven: a test file, and words of the test. A few
 * of the controller's client have none yet: they are named below, and their list may only get shorter.
 */
const BOUNDS: readonly [file: string, name: string, value: number, proof: string, title: string][] = [
  // What waits to become durable, and what is read back.
  ['log/sqlite/outbox', 'OUTBOX_BYTES', 8_388_608, 'log/conformance', 'what waits is bounded in bytes'],
  ['log/sqlite/outbox', 'BATCH_BYTES', 1_048_576, 'log/conformance', 'what waits is bounded in bytes'],
  ['log/sqlite/outbox', 'BATCH_ROWS', 500, 'log/conformance', 'appends are durable in the order of the calls'],
  ['log/sqlite/reader', 'PAGE', 500, 'log/conformance', 'a follower gets everything after its position exactly once'],
  [
    'log/sqlite/engine',
    'WAL_BYTES',
    1_073_741_824,
    'log/sqlite-size',
    'does not make the write-ahead log grow for ever',
  ],
  ['log/sqlite/wal', 'EMPTY_BYTES', 67_108_864, 'log/sqlite-size', 'the write-ahead log stays small under load'],
  ['log/sqlite/wal', 'AGAIN_BYTES', 16_777_216, 'log/sqlite-size', 'does not make the write-ahead log grow for ever'],
  ['log/sqlite/wal', 'KEPT_BYTES', 16_777_216, 'log/sqlite-size', 'the write-ahead log stays small under load'],
  ['log/sqlite/lane', 'TEND_AFTER_BYTES', 16_777_216, 'log/sqlite-size', 'beyond its size the oldest events go first'],
  ['log/sqlite/retention', 'SLACK_BYTES', 4_194_304, 'log/retention', 'what goes next when'],
  ['log/sqlite/tend', 'STEP_ROWS', 500, 'log/sqlite-size', 'the room of what went is given back, in small steps'],
  ['log/sqlite/duplicate', 'PIECE_ROWS', 2_000, 'log/sqlite-backup', 'a copy made under load is of one moment'],
  ['log/sqlite/duplicate', 'PIECE_BYTES', 4_194_304, 'log/sqlite-backup', 'interrupted, it leaves nothing'],
  ['log/sqlite/source', 'PAGE_ROWS', 1_000, 'log/copy-log', 'a copy that is ended again and again'],
  ['log/sqlite/source', 'PAGE_BYTES', 1_048_576, 'log/copy-log', 'a copy that is ended again and again'],
  ['log/sqlite/backup', 'SYNC_BYTES', 33_554_432, 'log/sqlite-backup', 'a copy made under load is of one moment'],
  ['log/encode', 'MAX_RECORD_BYTES', 2_000_000, 'log/conformance', 'a record of just so many bytes is stored'],
  ['log/letter-book', 'REMEMBERED_LETTERS', 1_000, 'log/dead-letter', 'a thousand letters are remembered'],
  ['log/dead-letter', 'MAX_KEY', 512, 'log/dead-letter', 'a dead letter is small and plain'],
  ['log/dead-letter', 'MAX_REASON', 512, 'log/dead-letter', 'a dead letter is small and plain'],
  ['log/dead-letter', 'MAX_NAME', 64, 'log/dead-letter', 'a dead letter is small and plain'],
  ['log/dead-letter', 'MAX_FIELDS', 16, 'log/dead-letter', 'a dead letter is small and plain'],
  // What a cluster may send, and what is kept of it.
  ['kube/lines', 'MAX_LINE', 4_194_304, HERE, 'a line of a watch'],
  ['kube/scratch', 'SCRATCH_BYTES', 65_536, 'kube/trim', 'in the same room up to its size'],
  ['kube/client', 'MAX_BODY', 67_108_864, HERE, 'a body of an answer'],
  ['kube/client', 'MAX_CONNECTIONS', 32, 'kube/sharing', 'over HTTP/1.1 has so many connections and no more'],
  ['kube/client', 'STREAM_BYTES', 1_048_576, 'kube/sharing', 'a watch that nobody reads holds so many bytes'],
  ['kube/client', 'CONNECTION_BYTES', 8_388_608, 'kube/sharing', 'a watch that nobody reads holds so many bytes'],
  ['kube/list', 'PAGE_SIZE', 250, 'kube/streaming', 'in pages of 250'],
  ['kube/audit', 'MAX_CHANGED', 50_000, 'kube/audit', 'is given up when so much changes meanwhile'],
  ['kube/budget', 'LISTS_AT_ONCE', 20, 'kube/budget', 'is 20 at once when nobody says otherwise'],
  ['cluster/watch', 'INBOX_LIMIT', 500, 'cluster/inbox', 'holds no more than its limit'],
  ['cluster/live', 'LIVE_LIMIT', 100, 'cluster/live', 'are stored a hundred at a time'],
  ['cluster/live', 'MAX_RUSH', 10, 'cluster/live', 'go on while more comes, ten times in a row'],
  ['cluster/book', 'APPEND_LIMIT', 400, 'cluster/watch', 'a thousand VMs are read in appends of bounded size'],
  ['cluster/plans', 'PLANS_PAGE', 50, 'cluster/life', 'plans are read 50 a page'],
  ['cluster/scope', 'SCOPE_PAGE', 200, 'cluster/scope', 'page by page, 200 VMs at a time'],
  ['config/annotation', 'MAX_NAMED', 32, 'config/annotation', '32 different annotations may be named'],
  ['vm/portrait-piece', 'MAX_PORTRAIT', 65_536, 'vm/portrait', 'is no longer than its bound'],
  ['vm/portrait-piece', 'MAX_LEFT', 4_096, 'vm/portrait', 'names what it left out one by one as long as'],
  ['vm/portrait-status', 'MAX_TEXT', 16_384, 'vm/portrait', 'is no longer than its bound'],
  ['vm/portrait-status', 'MAX_DEPTH', 24, 'vm/portrait', 'is nested no deeper than the plugin takes'],
  ['vm/deed', 'MAX_DEEDS', 32, 'vm/deeds', 'remembers at most 32 ended deeds'],
  ['vm/deed', 'MAX_ENDED', 256, 'cluster/aside', 'up to 256 of one VM and kind'],
  ['vm/form', 'MAX_FORMS', 4_096, 'vm/pack', 'learns 4,096 fields and 16,384 words at most'],
  ['vm/word', 'MAX_WORDS', 16_384, 'vm/pack', 'learns 4,096 fields and 16,384 words at most'],
  ['vm/pack', 'MAX_AGAIN', 995, 'vm/pack', 'finds so many texts again and no more'],
  ['vm/warm', 'MAX_WARM', 49_152, 'vm/pack', 'holds what changes as it is, of all maps together 49,152 values'],
  ['vm/form', 'MAX_SAMPLED', 512, 'vm/pack', 'learns 4,096 fields and 16,384 words at most'],
  ['vm/labels', 'MAX_LABELS', 64, 'vm/project', 'keeps 64 labels at most'],
  ['vm/labels', 'MAX_NAMED_LABELS', 256, 'vm/labels', 'and 256 of those at most'],
  ['config/label', 'MAX_NAMED', 256, 'config/label', '256 different labels may be named'],
  ['vm/project', 'MAX_ADDRESSES', 16, 'vm/project', 'keeps 16 addresses at most'],
  ['vm/service', 'MAX_SERVICES', 8, 'vm/service', 'keeps 8 Services'],
  ['vm/service', 'MAX_PORTS', 16, 'vm/service', 'keeps 16 ports'],
  ['vm/service', 'MAX_INGRESS', 4, 'vm/service', '4 addresses'],
  ['event/text', 'MAX_TEXT', 256, HERE, 'a text that a guest wrote'],
  ['event/fit', 'MAX_EVENT_BYTES', 16_384, 'event/fit', 'whatever an event holds'],
  ['event/fit', 'CUT_BYTES', 256, 'event/fit', 'a text is cut'],
  ['event/judge', 'MAX_NAMED', 3, 'event/judge', 'it is told by place and rule'],
  ['cluster/hub', 'HUB_INBOX_LIMIT', 500, 'cluster/inbox', 'holds no more than its limit'],
  ['cluster/missing', 'MAX_NAMED', 100, 'cluster/standing', 'are named up to a hundred'],
  ['cluster/event', 'MAX_NAMED_CLUSTERS', 100, 'cluster/event', 'names a hundred clusters at most'],
  ['service/watch/running', 'RELISTS_AT_ONCE', 4, 'service/reload', 'four clusters are listed anew at once'],
  ['fleet/fleet', 'MAX_GONE', 10_000, 'fleet/fleet', 'ten thousand that were deleted'],
  [
    'service/watch/confirmations',
    'MAX_CONFIRMATIONS',
    100,
    'cluster/confirmations',
    'the latest hundred are remembered',
  ],
  ['log/kafka/outbox', 'COMMIT_RECORDS', 2_000, 'log/kafka/bounds', 'a transaction has at most'],
  ['log/kafka/outbox', 'COMMIT_BYTES', 2_097_152, 'log/kafka/bounds', 'a transaction has at most'],
  ['log/kafka/outbox', 'OUTBOX_BYTES', 4_194_304, 'log/conformance', 'what waits is bounded in bytes'],
  ['log/kafka/chunk', 'CHUNK_BYTES', 1_048_576, 'log/kafka/bounds', 'one request carries of a partition'],
  ['log/kafka/ring', 'RING_BYTES', 2_097_152, 'log/kafka/bounds', 'two megabytes of the newest records'],
  ['log/kafka/reader', 'PARTITION_BYTES', 1_048_576, '', ''],
  ['log/kafka/reader', 'RESPONSE_BYTES', 8_388_608, '', ''],
  ['log/kafka/reading-room', 'PAGE', 500, 'log/conformance', 'a page has at most so many'],
  ['log/kafka/appearance', 'MAX_UNSEEN_MS', 10_000, 'log/kafka/appearance', 'a fault after ten seconds'],
  ['log/kafka/topics', 'MAX_MESSAGE_BYTES', 2_097_152, 'log/conformance', 'a record of just so many bytes'],
  // What an administrator may write that is worked out for each VM, and what comes of it.
  ['config/profile-fault', 'MAX_PROFILE_VARIABLES_BYTES', 4_096, 'config/profile-fault', 'more than 4 KB of variables'],
  ['config/profile-fault', 'MAX_DEPTH', 8, 'config/profile-fault', 'nine below one another'],
  ['expression/expression', 'MAX_EXPRESSION', 1_024, 'expression/expression', 'is refused before it is ever used'],
  ['expression/expression', 'MAX_NODES', 200, 'expression/expression', 'is refused before it is ever used'],
  ['expression/expression', 'MAX_DEPTH', 24, 'expression/expression', 'is refused before it is ever used'],
  ['expression/expression', 'MAX_LIST', 100, 'expression/expression', 'is refused before it is ever used'],
  ['expression/cost', 'MAX_STEPS', 100_000, 'expression/expression', 'as it may cost too much for one VM'],
  ['expression/cost', 'MAX_MADE', 100_000, 'expression/expression', 'as it may cost too much for one VM'],
  ['service/serve/view-warning', 'MAX_NAMED_HOSTS', 20, 'service/view-warning', 'twenty hosts of a view'],
  ['service/serve/view-warning', 'MAX_NAMED_GROUPS', 20, 'service/view-warning', 'twenty groups of a view'],
  ['inventory/why', 'MAX_OTHERS', 3, 'inventory/group-rule', 'three others are named'],
  ['inventory/group', 'MAX_GROUP_NAME', 400, 'inventory/group-rule', 'and of bounded length'],
  ['config/file-changes', 'MAX_WAITS', 20, 'config/file-changes', 'that never comes to rest'],
  ['config/verb-schema', 'MAX_VERBS', 100, 'config/verb', 'more than a hundred verbs'],
  ['config/verb-schema', 'MAX_STEPS', 10, 'config/verb', 'more than ten steps'],
  // What a person may ask of a job, and see of it.
  ['day2/dispatcher', 'FORGOTTEN_AT_ONCE', 100, 'day2/commands', 'are forgotten a hundred at a turn'],
  ['day2/spectator', 'MAX_WATCHED', 20, 'day2/progress', 'costs at most two requests a turn'],
  ['day2/spectator', 'MAX_LOOKS', 2, 'day2/progress', 'costs at most two requests a turn'],
  ['day2/progress', 'MAX_TASK', 80, 'day2/progress', 'eighty characters are kept'],
  ['http/routes/run-watch', 'MAX_SAID', 1_000, 'http/run-wishes', 'remembered of so many runs'],
  ['day2/variables', 'MAX_VARIABLES', 200, 'day2/variables', 'are refused when they say'],
  ['day2/variables', 'MAX_VARIABLES_BYTES', 1_000_000, 'day2/variables', 'are refused when they say'],
  ['day2/variables', 'MAX_VARIABLE_DEPTH', 16, 'day2/variables', 'are refused when they say'],
  ['day2/variables', 'MAX_KEPT_VARIABLES_BYTES', 4_096, 'day2/variables', 'variables are kept up to 4 KB'],
  ['day2/variables', 'MAX_VARIABLES_UNDER_WAY_BYTES', 67_108_864, 'day2/commands', 'all runs under way may have'],
  ['day2/secrets', 'MAX_SECRETS', 16, 'day2/sealed', 'the reason tells the name alone'],
  ['day2/secrets', 'MAX_SECRET_BYTES', 4_096, 'day2/sealed', 'the reason tells the name alone'],
  ['service/sealing-keys', 'MAX_KEY_FILE', 4_096, 'service/sealing-keys', 'that is larger than 4,096 bytes'],
  ['day2/sealed', 'MAX_SEALED_BYTES', 6_144, 'day2/sealed', 'that are longer than sealed ones can be are refused'],
  // What is told, and to how many.
  ['inventory/inventory', 'MAX_LABEL_GROUPS', 2_000, 'inventory/inventory', 'makes 2,000 groups and no more'],
  ['inventory/kubevirt-core-options', 'MAX_PER_LABEL', 20_000, 'service/views', 'makes so many groups at most'],
  ['inventory/group-set', 'MAX_SHARED_GROUPS', 10_000, 'inventory/group-set', 'ten thousand groups are shared'],
  ['inventory/inventory', 'MAX_STEPS', 200, 'inventory/prepare', 'waits for two hundred steps at most'],
  ['inventory/pack', 'MAX_PACKING', 2, 'inventory/encoded', 'two pieces are compressed at once'],
  ['inventory/sheet-range', 'MAX_FRESH', 64, 'inventory/prepare', 'no more than 64 hosts'],
  ['inventory/zstd-frame', 'MAX_BLOCK', 131_072, 'inventory/encoded', 'longer than a block of zstd'],
  ['inventory/past', 'MAX_PAST_HOSTS', 1_000_000, 'inventory/past', 'a million hosts of past documents'],
  ['inventory/past', 'MAX_PAST_DOCUMENTS', 200, 'inventory/past', 'two hundred past documents'],
  ['http/asked-keys', 'KEPT_MS', 600_000, 'http/asked-keys', 'for ten minutes'],
  ['http/asked-keys', 'MAX_ASKED', 1_000, 'http/asked-keys', 'a thousand wishes are remembered at once'],
  ['http/shared-wishes', 'MAX_SHARED', 100, 'http/shared-wishes', 'a hundred runs wait for others at once'],
  ['http/shared-wishes', 'MAX_MENTIONS', 1_000, 'http/shared-wishes', 'a thousand mentions of its hosts'],
  ['http/audit', 'MAX_REPEATED', 256, 'http/audit', 'what is repeated of a request is bounded'],
  ['http/auth', 'MAX_TOKEN', 4_096, 'http/auth', 'is of at most 4,096 characters'],
  ['http/auth', 'MAX_VALUES', 4, 'http/auth', 'four at most'],
  ['http/chunks', 'TURN_BYTES', 8_388_608, 'http/chunks', 'no turn of the loop is given more than eight megabytes'],
  ['http/limits', 'BODY_LIMIT', 1_048_576, 'http/api', 'a body that is too large'],
  ['http/limits', 'MAX_PARAM', 1_200, 'http/api', 'a host name as long as they may be'],
  ['http/limits', 'MAX_URL', 8_192, 'http/api', 'an address that is too long'],
  ['http/limits', 'HEADER_BYTES', 16_384, 'http/limits', 'headers of more than 16 KB'],
  ['http/limits', 'MAX_SOCKETS', 2_000, 'http/limits', 'so many connections are open at once'],
  ['http/limits', 'LARGE_BYTES', 262_144, 'http/limits', 'small answers pass'],
  ['http/limits', 'LARGE_AT_ONCE', 32, 'http/limits', 'on their way are so many at once'],
  ['http/limits', 'LARGE_EACH_AT_ONCE', 8, 'http/limits', 'so many to one token'],
  ['http/limits', 'MAX_WAITING', 1_000, 'http/limits', 'refuses when too many wait'],
  ['http/rate', 'MAX_KEYS', 10_000, 'http/limits', 'ten thousand keys are remembered'],
  [
    'http/delivery',
    'MAX_UNACKNOWLEDGED',
    1_000,
    'http/consumers',
    'that never acknowledges is sent so many and no more',
  ],
  ['http/consumer-register', 'MAX_CONSUMERS', 200, 'http/consumers', 'is bounded for each token and in all'],
  ['http/consumer-register', 'MAX_CONSUMERS_EACH', 50, 'http/consumers', 'is bounded for each token and in all'],
  ['http/consumer-register', 'LOOK_PAGE', 100, 'http/consumers', 'for whom nothing comes moves on'],
  ['http/routes/events', 'MAX_FOLLOWERS', 200, 'http/stream', 'so many follow at once and no more'],
  ['http/routes/events', 'PAGE', 100, 'http/stream', 'a page gives so many'],
  ['http/routes/events', 'MAX_PAGE', 500, HERE, 'a page of events'],
  ['http/routes/fleet', 'PAGE', 500, 'http/api', 'VMs come in pages'],
  ['http/routes/fleet', 'MAX_PAGE', 5_000, HERE, 'a page of VMs'],
  ['http/whom', 'MAX_HOSTS', 500, 'http/api', 'too many hosts'],
  // What is asked of a controller.
  ['aap/limit', 'MAX_HOSTS', 500, 'aap/limit', '500 hosts are not too many'],
  ['aap/limit', 'MAX_LIMIT_BYTES', 61_440, 'aap/limit', 'one byte too many'],
  ['aap/launch-request', 'MAX_EXTRA_VARS_BYTES', 1_048_576, 'aap/launch', 'with variables beyond a megabyte'],
  ['kube/list', 'MAX_IDLE_PAGES', 100, HERE, 'and promises another is given up'],
  ['aap/wire', 'MAX_ANSWER_BYTES', 67_108_864, '', ''],
  ['aap/wire', 'MAX_CONNECTIONS', 8, 'aap/ambiguity', 'are at most eight, however many questions there are'],
  ['aap/page', 'PAGE_SIZE', 200, 'aap/follow', 'pages are followed'],
  ['aap/page', 'MAX_PAGES', 100, 'aap/follow', 'a list without an end is given up'],
  ['aap/own-token', 'REMEMBERED_TOKENS', 4, 'aap/own-token', 'the last four are known'],
  ['aap/complaint', 'MAX_COMPLAINT', 300, '', ''],
  ['aap/complaint', 'MAX_READ_TEXT', 16_384, 'aap/redaction', 'is not read to its end'],
  ['aap/marker', 'MAX_SKIP_TAGS', 1_024, 'aap/launch', 'with skip tags beyond their column'],
  ['aap/job', 'AT_ONCE', 4, '', ''],
  ['aap/jobs-on', 'LOOK_PAGE', 5, 'aap/jobs-on', 'a thousand at one look'],
  ['aap/cancel', 'ATTEMPTS', 3, '', ''],
  ['day2/step', 'MAX_ATTEMPTS', 3, 'day2/step', 'three times at most'],
  ['day2/launcher', 'MAX_PROOFS', 3, 'day2/paused', 'after three tries'],
  ['day2/step', 'MAX_UPDATES', 1, 'day2/dispatcher', 'is brought to the controller by one update'],
  ['day2/plan', 'MAX_REFUSALS', 6, 'day2/plan', 'after six refusals it is left to a person'],
  ['day2/ledger', 'KEPT_RUNS', 1_000, 'day2/ledger', 'KEPT_RUNS'],
  ['day2/intake', 'MAX_ACTIVE_RUNS', 1_000, 'day2/caps', 'a thousand runs'],
  ['day2/ledger', 'KEPT_RESULTS', 100_000, 'day2/ledger', 'KEPT_RESULTS'],
  ['day2/book', 'END_RECORDS', 1_502, 'day2/external', 'an end of thousands of hosts'],
  ['day2/version', 'PAGE', 500, 'log/versions', 'every kind of record of a later schema'],
  ['day2/dispatcher', 'TIDIED_AT_ONCE', 500, '', ''],
  ['day2/history', 'MEMORY_ROWS', 100_000, 'day2/history', 'the oldest go first'],
  ['day2/history', 'FILE_ROWS', 5_000_000, 'day2/history', 'the oldest go first'],
  ['day2/history', 'LOOKED_ROWS', 20_000, 'day2/history', 'looks through so many results and no more'],
  ['day2/history', 'CATCH_UP_PAGE', 500, 'day2/history', 'is made anew from the stream'],
  ['http/request-fault', 'MAX_TOLD', 3, 'http/request-fault', 'is told what is wrong where'],
  ['http/request-fault', 'MAX_NAME', 64, 'http/request-fault', 'is told no name that a client chose as it came'],
  ['http/routes/history', 'PAGE', 500, 'http/history', 'comes in pages'],
  ['http/routes/history', 'MAX_PAGE', 5_000, 'http/history', 'comes in pages'],
  ['day2/returned', 'MAX_RETURNED_BYTES', 4_096, 'day2/returned', 'more than 4 KB'],
  ['day2/wishes', 'COMMANDS_AT_ONCE', 100, 'day2/commands', 'is taken in a hundred at a time'],
]

/** What a bound is called: other numbers are times, codes and versions. */
const BOUND =
  /^(?:export )?const ((?:MAX|KEPT|REMEMBERED)_[A-Z_]+|[A-Z_]*(?:_LIMIT|_BYTES|_ROWS|_RECORDS|_PAGE|PAGE|PAGE_SIZE|AT_ONCE|ATTEMPTS)) = ([0-9_* ]+)$/gm
/** Not bounds of what is held: of what is warned of, and numbers that Kafka's protocol gives. */
const NONE = new Set([
  'check/own ROOM_BYTES',
  'log/sqlite/engine WAL_NOTICE_BYTES',
  'log/sqlite/schema PAGE_BYTES',
  'log/kafka/fetch-session MAX_EPOCH',
  'log/kafka/record OVERHEAD_BYTES',
  'log/kafka/session MAX_SEQUENCE',
])

describe('Everything is bounded.', () => {
  test('each bound in the code is in the table of this test, with its value and its proof', () => {
    const found = sources().flatMap(file => {
      const text = readFileSync(join(root, 'src', `${file}.ts`), 'utf8')
      return [...text.matchAll(BOUND)].map(([, name = '', value = '']) => `${file} ${name} = ${product(value)}`)
    })
    const known = BOUNDS.map(([file, name, value]) => `${file} ${name} = ${value}`)
    expect(found.filter(bound => !NONE.has(bound.split(' =')[0] ?? '')).sort()).toEqual(known.sort())
  })

  test('each proof is there: a test with these words in its title', () => {
    const missing = BOUNDS.filter(([, , , proof, title]) => proof !== '' && !proofOf(proof).includes(title))
    expect(missing).toEqual([])
    const unproven = BOUNDS.filter(([, , , proof]) => proof === '').map(([file, name]) => `${file} ${name}`)
    expect(unproven).toEqual([
      'log/kafka/reader PARTITION_BYTES',
      'log/kafka/reader RESPONSE_BYTES',
      'aap/wire MAX_ANSWER_BYTES',
      'aap/complaint MAX_COMPLAINT',
      'aap/job AT_ONCE',
      'aap/cancel ATTEMPTS',
      'day2/dispatcher TIDIED_AT_ONCE',
    ])
  })

  test('a line of a watch that has no end is refused when 4 MB of it came', async () => {
    let sent = 0
    async function* endless(): AsyncIterable<Uint8Array> {
      for (;;) {
        sent += 1_048_576
        yield Buffer.alloc(1_048_576, 'x')
        await Promise.resolve()
      }
    }
    const read = async (): Promise<void> => {
      for await (const line of jsonLines(endless())) expect(line).toBeUndefined()
    }
    await expect(read()).rejects.toMatchObject({ kind: 'invalid' })
    expect(sent).toBeLessThanOrEqual(6_291_456)
  })

  test('a body of an answer that has no end is refused when 64 MB of it came', async () => {
    let sent = 0
    const chunk = Buffer.alloc(4_194_304, ' ')
    await using server = await startScripted((_path, response) => {
      const write = (): void => {
        if (response.destroyed) return
        sent += chunk.length
        if (response.write(chunk)) setImmediate(write)
        else response.once('drain', write)
      }
      write()
    })
    await using client = clientOf(server.url, undefined, 20_000)
    await expect(client.get('/endless', new AbortController().signal)).rejects.toMatchObject({ name: 'KubeError' })
    expect(sent).toBeGreaterThan(67_000_000)
    expect(sent).toBeLessThan(100_000_000)
  })

  test.each([
    ['begins anew', [{ metadata: { namespace: 'a', name: 'b' } }]],
    ['has nothing', []],
  ])('a list of which each page %s and promises another is given up', async (_, items) => {
    let asked = 0
    await using server = await startScripted((_path, response) => {
      asked += 1
      response.end(JSON.stringify({ metadata: { resourceVersion: '7', continue: `page-${asked}` }, items }))
    })
    await using client = clientOf(server.url)
    const options = { signal: new AbortController().signal, verify: () => Promise.resolve() }
    const resource = { path: '/objects', project: (object: unknown) => object, keyOf: () => 'a/b' }
    await expect(list(client, resource, options)).rejects.toMatchObject({ name: 'KubeError', kind: 'invalid' })
    expect(asked).toBeLessThanOrEqual(102)
  })

  test('a text that a guest wrote is cut, and what is kept of a VM is small, whatever it is given', () => {
    const long = 'x'.repeat(1_000_000)
    expect(plainText(long)).toHaveLength(256)
    const many = Array.from({ length: 10_000 }, (_, n) => `${n}`)
    const vm = projectVm({
      metadata: {
        namespace: 'shop',
        name: 'web',
        labels: Object.fromEntries(many.map(n => [`${n}${long.slice(0, 300)}`, long])),
      },
      spec: { instancetype: { name: long } },
      status: { printableStatus: long },
    })
    const vmi = projectVmi({
      metadata: {},
      status: {
        nodeName: long,
        guestOSInfo: { id: long, name: long, versionId: long },
        interfaces: many.map(n => ({
          name: long,
          interfaceName: long,
          ipAddress: `10.0.${Number(n) % 250}.${n.length}`,
        })),
      },
    })
    expect(JSON.stringify(vm).length).toBeLessThan(64 * 2 * 300 + 2_000)
    expect(JSON.stringify(vmi).length).toBeLessThan(16 * 2 * 300 + 4_000)
  })

  test.each(['/api/v1/events?limit=501', '/api/v1/vms?limit=5001'])(
    'a page of events or a page of VMs is bounded: %s is refused',
    async path => {
      await using desk = await openDesk()
      expect((await desk.get(path)).statusCode).toBe(400)
    },
  )
})

function sources(): readonly string[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  return files.filter(file => file.endsWith('.ts') && !/^(simulator|demo)\//.test(file)).map(file => file.slice(0, -3))
}

function proofOf(proof: string): string {
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  return tests
    .filter(file => file === `${proof}.ts` || file === `${proof}.test.ts`)
    .map(file => readFileSync(join(root, 'test', file), 'utf8'))
    .join('\n')
}

function product(value: string): number {
  return value
    .replaceAll('_', '')
    .split('*')
    .map(Number)
    .reduce((a, b) => a * b, 1)
}
