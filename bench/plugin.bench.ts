import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { InventoryCache } from '../src/inventory/index.ts'
import { ansible } from '../test/servers/python-environment.ts'
import { run as runProgram } from '../test/servers/run.ts'
import { temporaryFolder } from '../test/support/bridge.ts'
import { fleetOf } from '../test/support/fleet.ts'
import type { Measure } from './bench.ts'

export const name = 'plugin'

const VMS = 10_000
const ROUNDS = 3

/** Four entries as people write them, all of them plain; and one of them as a template, which is what such entries cost elsewhere. */
const CONSTRUCTED = {
  keyed_groups: [
    { key: 'kubevirt_os.id', prefix: 'system' },
    { key: 'kubevirt_labels.app', prefix: 'app' },
  ],
  groups: { rhel: "kubevirt_os.id == 'rhel'" },
  compose: { ansible_user: "'cloud-user'" },
}
const TEMPLATE = { groups: { rhel: "kubevirt_os.id in ['rhel']" } }

/** Processor time in ms of a command and all it starts: neither side waits for anything, and a busy machine tells little in seconds. */
const TIMER = `
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print((used.ru_utime + used.ru_stime) * 1000)
`

/** `ansible-inventory` of ansible-core 2.19 through the plugin, against a script source that prints the same document ready made. */
export async function* run(): AsyncIterable<Measure> {
  await using folder = await temporaryFolder()
  await using bridge = await serve(rendered())
  const { env, bin } = await ansible()
  const inFolder = (file: string) => join(folder.path, file)
  const source = async (file: string, options: object) => {
    await writeFile(inFolder(file), JSON.stringify({ plugin: 'virtbridge.fleet.vms', ...options }, null, 2))
    return inFolder(file)
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
        VIRTBRIDGE_URL: bridge.url,
        VIRTBRIDGE_TOKEN: 'token',
      },
    })
    return Number(printed)
  }
  const plain = await source('plain.virtbridge.yml', {})
  const constructed = await source('constructed.virtbridge.yml', CONSTRUCTED)
  const template = await source('template.virtbridge.yml', TEMPLATE)
  const must = { of: 'ratio', atMost: 0.6 } as const

  for (const more of [['--export'], []]) {
    // Turn by turn, so that a machine that is busy for a while is so for both.
    let [value, floor] = [Infinity, Infinity]
    for (let round = 0; round < ROUNDS; round += 1) {
      value = Math.min(value, await list(plain, ...more))
      floor = Math.min(floor, await list(inFolder('script'), ...more))
    }
    yield {
      what: `${['--list', ...more].join(' ')} of ${VMS} hosts, against a script source`,
      value,
      unit: 'ms CPU',
      floor,
      must,
    }
    if (more.length === 0) continue
    const entries = await list(constructed, ...more)
    yield { what: 'the same with four plain constructed entries', value: entries, unit: 'ms CPU', floor, must }
    yield { what: 'the same with one that is a template', value: await list(template, ...more), unit: 'ms CPU', floor }
  }
}

function rendered(): string {
  const now = Date.now()
  const inventory = new InventoryCache({
    fleet: fleetOf(VMS, now),
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: ['app'],
    verbsOf: () => ({ onboard: 'ok', patch: '' }),
    now: () => now,
  }).read(now)
  if (inventory.kind !== 'document') throw new Error('the inventory is closed')
  return inventory.body
}

async function serve(body: string): Promise<{ url: string; body: string } & AsyncDisposable> {
  const server = createServer((_, response) => response.setHeader('content-type', 'application/json').end(body))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    body,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
