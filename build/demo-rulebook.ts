import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ForRulebooks } from '../src/demo/world.ts'
import { rulebook } from '../test/servers/python-environment.ts'
import { ServerProcess } from '../test/servers/server-process.ts'

const ROOT = join(import.meta.dirname, '..')
/** The rulebook that the demo runs, as it is shipped. */
const RULEBOOK = 'rulebooks/aap26/eda-onboard.yml'
const LOOK_MS = 100
/** How long the demo may take to write down where its controller is, before it is given up. */
const PATIENCE_MS = 120_000

/** What is run beside a demo in `dir`. */
interface Beside {
  readonly dir: string
  /** `host:port` */
  readonly broker: string
  /** Made when the rulebook reads the events. */
  readonly ready: string
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * Runs a rulebook of this repository by a real ansible-rulebook, against the controller of a demo and its Kafka, and tells what it
 * launches, until the signal aborts. Throws a Fault when it ends before that.
 */
export async function runRulebook({ dir, broker, ready, say, signal }: Beside): Promise<void> {
  const { controller, token_file: token } = await told(join(dir, 'bridge', 'rulebooks.json'), signal)
  if (signal.aborted) return
  const { bin, env } = await rulebook()
  const [host = '', port = ''] = broker.split(':')
  const variables = join(dir, 'bridge', 'rulebook-variables.yml')
  const logFile = join(dir, 'bridge', 'rulebook.log')
  writeFileSync(variables, `kafka_host: ${host}\nkafka_port: ${port}\n`)
  writeFileSync(logFile, '')
  say(`ansible-rulebook runs ${RULEBOOK} against the Kafka and the controller of the demo`)
  await using running = new ServerProcess({
    program: join(bin, 'ansible-rulebook'),
    args: [
      `--rulebook=${join(ROOT, RULEBOOK)}`,
      `--vars=${variables}`,
      // The collection ansible.eda is on no package registry: this stands in for its Kafka source.
      `--source-dir=${join(ROOT, 'test', 'eda', 'sources')}`,
      '--verbose',
    ],
    env: {
      ...env,
      EDA_CONTROLLER_URL: controller,
      EDA_CONTROLLER_TOKEN: readFileSync(token, 'utf8').trim(),
      EDA_JOB_TEMPLATE_REFRESH_DELAY: '0.5',
      DROOLS_JPY_JVM_MAXMEM: '256m',
    },
    logFile,
    folder: join(dir, 'bridge'),
  })
  await running.waitUntil(
    async () => signal.aborted || (await readFile(logFile, 'utf8')).includes('reads from its position'),
    'reading the events',
    PATIENCE_MS,
  )
  writeFileSync(ready, '')
  say('the rulebook reads virtbridge.events.vm')
  for (let shown = 0; !signal.aborted; await sleep(LOOK_MS)) {
    const lines = launches(await readFile(logFile, 'utf8'))
    for (const line of lines.slice(shown)) say(line)
    shown = lines.length
    if (!running.running && !signal.aborted)
      await running.waitUntil(() => Promise.resolve(false), 'the end of the demo')
  }
}

/** What the log of ansible-rulebook says of launches. */
function launches(log: string): readonly string[] {
  return [...log.matchAll(/running job template: (.*), organization: (.*)$/gm)].map(
    ([, name]) => `the rulebook launches ${name}`,
  )
}

/** What a demo wrote down for rulebooks, when it has. */
async function told(file: string, signal: AbortSignal): Promise<ForRulebooks> {
  while (!existsSync(file) && !signal.aborted) await sleep(LOOK_MS)
  if (signal.aborted) return { controller: '', token_file: '' }
  return JSON.parse(await readFile(file, 'utf8')) as ForRulebooks
}
