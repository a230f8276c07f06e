import * as fc from 'fast-check'
import {
  annotationsOf,
  assemble,
  portray,
  projectVm,
  projectVmi,
  type Seen,
  type VmRecord,
} from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { plainKey } from '../support/plain-key.ts'

/** Keys of labels and annotations that hostile VMs have, and that groups may be made of. */
export const LABELS = ['app', '__proto__', 'constructor', 'a.b/c', '{{ x }}']

/** Text that somebody wrote who means no good, or who is merely odd. */
const evil = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', '"', '\\', '\u2028', '{', '%', '#', 'a'), maxLength: 12 }),
  fc.constantFrom(
    '{{ lookup("pipe", "id") }}',
    '{% for x in y %}',
    '{#',
    '#jinja2:',
    "#jinja2: variable_start_string:'[[', variable_end_string:']]'\n[[ 6*7 ]]",
    '"},"all":{"hosts":["x"]},"y":{"a":"',
    '__proto__',
    '../../etc/passwd',
    '-oProxyCommand=id',
    'x'.repeat(255) + '\ud83d\ude00',
    '\u202e\u0000\u001b[31m',
    'all',
    'ungrouped',
    '_meta',
    '!unsafe x',
  ),
)
const odd = fc.oneof(evil, fc.constant(undefined), fc.constant(null), fc.integer(), fc.constant({}), fc.constant([]))
const keys = plainKey(evil)
const words = fc.dictionary(fc.oneof(keys, fc.constantFrom(...LABELS, 'ansible_host', 'ansible_connection')), odd, {
  maxKeys: 6,
})

/** What an API server may send of a VM: whatever it likes, where it likes. */
const objects = fc.record({
  vm: fc.record({
    metadata: fc.record({ labels: words, annotations: words, uid: odd, creationTimestamp: odd }),
    spec: fc.record({
      runStrategy: odd,
      instancetype: fc.record({ name: odd }),
      template: fc.record({
        metadata: fc.record({ annotations: words }),
        spec: fc.record({ domain: fc.record({ firmware: fc.record({ uuid: odd }) }) }),
      }),
    }),
    status: fc.record({ printableStatus: odd }),
  }),
  vmi: fc.record({
    metadata: fc.record({ uid: fc.constant('boot'), ownerReferences: odd }),
    status: fc.record({
      phase: fc.constant('Running'),
      nodeName: odd,
      guestOSInfo: fc.record({ id: odd, name: odd, versionId: odd }),
      interfaces: fc.array(
        fc.record({
          name: odd,
          interfaceName: odd,
          ipAddress: fc.oneof(odd, fc.ipV4(), fc.ipV6()),
          ipAddresses: fc.array(fc.oneof(evil, fc.ipV4())),
          infoSource: odd,
        }),
        { maxLength: 3 },
      ),
    }),
  }),
})

const seenOf = objects.map(({ vm, vmi }): Seen => {
  const [projected, boot] = [{ ...projectVm(vm), annotations: annotationsOf(vm, LABELS) }, projectVmi(vmi)]
  const portraits = { vm: portray('vm', vm, true), vmi: portray('vmi', vmi, true) }
  return { ...assemble(projected, { ...boot, owner: projected.uid }, null), portraits }
})

/** The same, past every check: what a record would hold if what wrote it had checked nothing. */
const unchecked = fc.record({
  uid: evil,
  node: evil,
  status: evil,
  address: fc.oneof(evil, fc.ipV4()),
  claim: evil,
  created_at: fc.oneof(fc.double(), fc.integer()),
  labels: fc.dictionary(keys, evil, { maxKeys: 4 }),
})

/** The record of a VM that holds whatever somebody could have got into it. */
export const hostileRecord: fc.Arbitrary<VmRecord> = fc
  .record({
    name: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b.c', 'd-1') }, { weight: 1, arbitrary: evil }),
    namespace: fc.oneof({ weight: 4, arbitrary: fc.constant('shop') }, { weight: 1, arbitrary: evil }),
    seen: seenOf,
    past: fc.option(unchecked),
    verb: evil,
  })
  .map(({ name, namespace, seen, past, verb }) => {
    const { uid, address, ...rest } = past ?? { uid: `uid ${verb}`, address: seen.address }
    const base = guest('x', { uid, seen: { ...seen, ...rest, address }, told: { address } })
    const descent = { kind: 'clone', from: verb, by: verb, run: verb } as const
    return { ...base, name, namespace, descent }
  })
