import type { Measure } from './bench.ts'
import { type Cost, measure } from './kubevirt-core/measure.ts'

export const name = 'kubevirt-core'

const SIZE = { vms: 10_000, namespaces: 400 }
const ROUNDS = 3
const MB = 1024 * 1024
/** Thirty times as fast. */
const MUST = { of: 'ratio', atMost: 1 / 30 } as const

/**
 * `ansible-inventory --list --export` of ansible-core 2.19 through the plugin of the bridge, against kubevirt.core on the same
 * kube-apiserver. On the clock, as who waits for it has it: kubevirt.core waits for the API server, the bridge does not. Filling the API
 * server takes some minutes.
 */
export async function* run(): AsyncIterable<Measure> {
  const say = (line: string): void => console.error(`${name}: ${line}`)
  const { plugin, same, standard, slim, full } = await measure(SIZE, ROUNDS, say)
  const at = `${SIZE.vms} VMs in ${SIZE.namespaces} namespaces`
  const ways: readonly (readonly [string, Cost, object])[] = [
    ['in the profile standard', standard, { must: MUST }],
    ['in the profile slim', slim, { must: MUST }],
    ['in the profile full', full, {}],
    // It prints as much as the plugin does, but for the marks: most of the time is Ansible's printing.
    ['in the format kubevirt.core', same, {}],
  ]
  for (const [how, { seconds, processor, bytes }, must] of ways) {
    yield { what: `sync of ${at}, ${how}`, value: seconds, unit: 's', floor: plugin.seconds, ...must }
    yield { what: `the same, of the processor`, value: processor, unit: 's CPU', floor: plugin.processor }
    yield { what: `the same, what it writes`, value: bytes / MB, unit: 'MB', floor: plugin.bytes / MB }
  }
}
