import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { openApi } from '../../src/cli/api.ts'
import { createTopics } from '../../src/log/kafka/index.ts'
import {
  loadObjects,
  readObjectFiles,
  type SimulatedController,
  startSimulatedController,
} from '../../src/simulator/controller/index.ts'
import { holdAnswer } from '../day2/held-answer.ts'
import { connectionTo, planOf } from '../log/kafka/place.ts'
import { type KafkaServer, startKafka } from '../servers/kafka.ts'
import { startClusters } from '../service/clusters.ts'
import { fileIn, SHORT_HOLDS, temporaryFolder } from '../support/bridge.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const DEPLOY = new URL('../../deploy/aap/', import.meta.url)
const TOKEN = 'a-token-of-the-test'
const SOON = { timeout: 60_000, interval: 20 }
const QUIET_S = 4
/** How long a proof is good for with that quiet period, and more. */
const TOO_LONG_MS = 1_000

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka({ proxied: true })
})
afterAll(() => kafka[Symbol.asyncDispose]())

interface Bridge extends AsyncDisposable {
  readonly child: ChildProcess
  readonly said: () => string
  readonly ended: Promise<number | string>
  /** Where it listens; when it does. */
  url(): Promise<string>
}

function serve(config: string): Bridge {
  const child = spawn(process.execPath, [MAIN, 'serve', '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk.toString()))
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  const said = (): string => chunks.join('')
  return {
    child,
    said,
    ended,
    async url() {
      await expect.poll(said, SOON).toMatch(/"url":"([^"]+)"/)
      return /"url":"([^"]+)"/.exec(said())?.[1] ?? ''
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function startController(): Promise<SimulatedController> {
  const tokens = { [TOKEN]: { user: 'virtbridge', scope: 'write', description: 'virtbridge' } } as const
  return startSimulatedController({ objects: loadObjects(readObjectFiles(DEPLOY)), tokens })
}

test('a bridge that is paused between the record of a launch and its request, and replaced meanwhile, launches nothing when it wakes', async () => {
  await using folder = await temporaryFolder()
  await using clusters = await startClusters(folder.path, 'prod-1')
  await using controller = await startController()
  const [listener = { port: 0, told: 0 }] = kafka.proxied
  await using answer = await holdAnswer(listener, '"status":"posting"')
  const prefix = basename(folder.path)
  await createTopics(connectionTo(kafka.brokers), planOf(prefix, 1))
  const configured = (name: string, brokers: readonly string[]): Promise<string> =>
    fileIn(
      folder.path,
      name,
      stringify({
        log: { kafka: { brokers, topic_prefix: prefix, partitions: 3, replicas: 1, compression: 'none' } },
        http: { listen: '127.0.0.1:0', tokens: [{ name: 'ops', token: { file: 'token' }, can: ['read', 'run'] }] },
        clusters: clusters.config,
        watch: SHORT_HOLDS,
        controller: { url: controller.url, token: { file: 'token' }, quiet_period_seconds: QUIET_S, poll_seconds: 0.1 },
      }),
    )
  await fileIn(folder.path, 'token', TOKEN)
  const launches = (): number => [...controller.store.jobs.all()].filter(job => job.launch_type === 'manual').length

  await using first = serve(await configured('first.yaml', [`127.0.0.1:${listener.told}`]))
  const url = await first.url()
  controller.setOrigin('virtbridge', { url: `${url}/api/v1/inventory`, token: TOKEN })
  const api = openApi({ url, token: TOKEN })
  await expect
    .poll(async () => ((await api.get('/api/v1/vms')) as { vms: { reachable: boolean }[] }).vms, SOON)
    .toMatchObject([{ reachable: true }])
  await api.post('/api/v1/runs', { verb: 'patch', hosts: ['web-1.shop.prod-1'] })
  await answer.held
  first.child.kill('SIGSTOP')
  const stopped = Date.now()
  answer.release()

  await using second = serve(await configured('second.yaml', kafka.brokers))
  await second.url()
  const took = Date.now()
  await expect.poll(() => Date.now() - stopped, SOON).toBeGreaterThan(TOO_LONG_MS)
  first.child.kill('SIGCONT')
  expect(await first.ended).toBe(1)
  expect(first.said()).toMatch(
    /virtbridge: process \d+ on \S+ took over the log of process \d+ on \S+\n {2}one bridge for each log/,
  )
  expect(launches()).toBe(0)

  await expect.poll(launches, SOON).toBe(1)
  expect(Date.now() - took).toBeGreaterThan(QUIET_S * 1000 - 500)
})
