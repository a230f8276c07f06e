import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { InventoryCache } from '../src/inventory/index.ts'
import { ansible, type PythonEnvironment } from '../test/servers/python-environment.ts'
import { run as runProgram } from '../test/servers/run.ts'
import { temporaryFolder } from '../test/support/bridge.ts'
import { fleetOf } from '../test/support/fleet.ts'
import type { Measure } from './bench.ts'

export const name = 'plugin'

/** How many hosts, and how often each is listed by turns; the rows beside the main ones with the first alone. */
const SIZES = [
  { vms: 10_000, rounds: 3, all: true },
  { vms: 50_000, rounds: 2, all: false },
] as const
type Size = (typeof SIZES)[number]

/** Four entries as people write them, all of them plain; and one of them as a template, which is what such entries cost elsewhere. */
const CONSTRUCTED = {
  keyed_groups: [
    { key: 'kubevirt_os_id', prefix: 'system' },
    { key: 'kubevirt_labels.app', prefix: 'app' },
  ],
  groups: { rhel: "kubevirt_os_id == 'rhel'" },
  compose: { ansible_user: "'cloud-user'" },
}
const TEMPLATE = { groups: { rhel: "kubevirt_os_id in ['rhel']" } }

/** Processor time in ms of a command and all it starts: neither side waits for anything, and a busy machine tells little in seconds. */
const TIMER = `
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print((used.ru_utime + used.ru_stime) * 1000)
`

/** `ansible-inventory` of ansible-core 2.19 through the plugin, against a script source that prints the same document ready made. */
export async function* run(): AsyncIterable<Measure> {
  const environment = await ansible()
  for (const size of SIZES) yield* listings(environment, size)
}

async function* listings({ env, bin }: PythonEnvironment, { vms, rounds, all }: Size): AsyncIterable<Measure> {
  await using folder = await temporaryFolder()
  await using bridge = await serve(rendered(vms))
  const inFolder = (file: string) => join(folder.path, file)
  const source = async (name: string, options: object) => {
    const file = inFolder(`${name}.virtbridge.yml`)
    await writeFile(file, JSON.stringify({ plugin: 'virtbridge.fleet.vms', ...options }, null, 2))
    return file
  }
  await writeFile(inFolder('document.json'), bridge.body)
  await writeFile(inFolder('script'), `#!/bin/sh\ncat ${inFolder('document.json')}\n`, { mode: 0o755 })
  const list = async (from: string, ...more: string[]) => {
    const command = [join(bin, 'ansible-inventory'), '-i', from, '--list', '--output', inFolder('out.json'), ...more]
    const printed = await runProgram(join(bin, 'python'), ['-c', TIMER, ...command], {
      env: {
        ...env,
        ANSIBLE_COLLECTIONS_PATH: join(import.meta.dirname, '..', 'inventory-plugin'),
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
        // Whatever is kept has expired, so that the bridge is asked whether it still holds.
        ANSIBLE_INVENTORY_CACHE_TIMEOUT: '-1',
        VIRTBRIDGE_URL: bridge.url,
        VIRTBRIDGE_TOKEN: 'token',
      },
    })
    return Number(printed)
  }
  const least = async (from: string, ...more: string[]) =>
    Math.min(await list(from, ...more), await list(from, ...more))
  const plain = await source('plain', {})
  const kept = await source('kept', {
    cache: true,
    cache_plugin: 'ansible.builtin.jsonfile',
    cache_connection: inFolder('cache'),
  })
  const hosts = vms.toLocaleString('en')
  const must = { of: 'ratio', atMost: 0.6 } as const

  for (const more of all ? [['--export'], []] : [['--export']]) {
    // Turn by turn, so that a machine that is busy for a while is so for both.
    let [value, floor] = [Infinity, Infinity]
    for (let round = 0; round < rounds; round += 1) {
      value = Math.min(value, await list(plain, ...more))
      floor = Math.min(floor, await list(inFolder('script'), ...more))
    }
    const what = `${['--list', ...more].join(' ')} of ${hosts} hosts, against a script source`
    yield { what, value, unit: 'ms CPU', floor, must }
    if (more.length === 0) continue
    await list(kept, ...more)
    const before = bridge.unchanged()
    yield { what: 'the same, unchanged and kept (304)', value: await least(kept, ...more), unit: 'ms CPU', floor, must }
    if (bridge.unchanged() !== before + 2) throw new Error('it was not asked whether it still holds')
    if (!all) continue
    const four = await least(await source('constructed', CONSTRUCTED), ...more)
    yield { what: 'the same with four plain constructed entries', value: four, unit: 'ms CPU', floor, must }
    const one = await list(await source('template', TEMPLATE), ...more)
    yield { what: 'the same with one that is a template', value: one, unit: 'ms CPU', floor }
  }
}

function rendered(vms: number): string {
  const now = Date.now()
  const inventory = new InventoryCache({
    fleet: fleetOf(vms, now),
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: ['app'],
    verbsOf: () => ({ onboard: 'ok', patch: '' }),
    now: () => now,
  }).read(now)
  if (inventory.kind !== 'document') throw new Error('the inventory is closed')
  return inventory.body
}

interface Served extends AsyncDisposable {
  readonly url: string
  readonly body: string
  /** How often it answered that nothing changed. */
  unchanged(): number
}

/** The same document for everybody, packed once, as a bridge answers. */
async function serve(body: string): Promise<Served> {
  const packed = gzipSync(body)
  const etag = '"one"'
  let unchanged = 0
  const server = createServer((request, response) => {
    response.setHeader('etag', etag)
    if (request.headers['if-none-match'] === etag) {
      unchanged += 1
      response.writeHead(304).end()
    } else {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(packed)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    body,
    unchanged: () => unchanged,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
