import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HOST_VARIABLES, hostContext, parseExpression } from '../../src/expression/index.ts'
import { hostVars } from '../../src/inventory/index.ts'
import { plain } from '../../src/inventory/safe.ts'
import { guest, type GuestWish } from '../day2/guest.ts'
import { cpuMs } from '../support/cpu-time.ts'

const STANDING = { staleness: 'fresh', verbs: { onboard: 'ok', patch: '' }, clusterSets: ['prod', 'eu'] } as const
const ADDRESSES = [
  { address: '10.1.0.7', network: 'vlan-a', interface: 'eth1', source: 'agent', pod: false },
  { address: '10.9.0.7', network: 'default', interface: 'eth0', source: 'platform', pod: true },
] as const
const WISH: GuestWish = { seen: { addresses: ADDRESSES, labels: { app: 'web', tier: 'front-1' } } }

/** The variables of a host as expressions read them. */
function context(wish: GuestWish = WISH) {
  const vars = hostVars(guest('web-7', wish), STANDING, 'full')
  return hostContext(plain(vars) as Record<string, unknown>)
}

test.each<[expression: string, gives: boolean | string | readonly string[]]>([
  ['kubevirt_os.family == "linux" && kubevirt_labels.app == "web"', true],
  ['kubevirt_status in ["Running", "Migrating"]', true],
  ['!kubevirt_reachable', false],
  ['"tier" in kubevirt_labels', true],
  ['has(kubevirt_labels.none)', false],
  ['kubevirt_labels[?"none"].orValue("nothing")', 'nothing'],
  ['kubevirt_os.version.split(".")[0]', '9'],
  ['kubevirt_labels.tier.startsWith("front") ? "front" : "other"', 'front'],
  ['kubevirt_addresses.map(a, a.network)', ['vlan-a', 'default']],
  ['kubevirt_addresses.filter(a, a.source == "agent").map(a, a.network)', ['vlan-a']],
  ['kubevirt_addresses.exists(a, a.address.startsWith("10.9."))', true],
  ['kubevirt_cluster_sets', ['prod', 'eu']],
  ['kubevirt_cluster + "_" + day2_onboard', 'prod-1_ok'],
  ['kubevirt_labels.map(k, k).join(",")', 'app,tier'],
])('%s', (expression, gives) => {
  expect(parseExpression(expression).of(context())).toEqual(gives)
})

describe('an expression is refused before it is ever used', () => {
  test.each<[expression: string, because: RegExp]>([
    ['kubevirt_nam == "x"', /Unknown variable: kubevirt_nam/],
    ['kubevirt_os.famly == "linux"', /famly/],
    ['kubevirt_addresses.map(a, a.netwok)', /netwok/],
    ['kubevirt_name + 1', /string \+ int/],
    ['kubevirt_name ? "a" : "b"', /bool/],
    ['1 + 1', /gives int/],
    ['kubevirt_addresses', /gives list/],
    ['kubevirt_name.matches("(a+)+$")', /matches is not there/],
    ['cel.bind(x, kubevirt_name, x + x)', /bind is not there/],
    ['timestamp("2026-01-01T00:00:00Z") == timestamp("x")', /timestamp is not there/],
    ['kubevirt_name.constructor', /index/],
    ['(', /EOF/],
    ['', /EOF/],
    ['kubevirt_name == "' + 'x'.repeat(2_000) + '"', /more than 1024 characters/],
    [Array.from({ length: 120 }, () => 'kubevirt_paused').join('||'), /more than|maxAstNodes/],
    ['('.repeat(40) + 'true' + ')'.repeat(40), /maxDepth/],
    [`kubevirt_name in [${Array.from({ length: 101 }, () => '""').join()}]`, /maxListElements/],
  ])('%s', (expression, because) => {
    expect(() => parseExpression(expression)).toThrow(because)
  })

  test.each([
    'kubevirt_name.split("").exists(a, kubevirt_name.split("").exists(b, kubevirt_name.split("").exists(c, a == b)))',
    'kubevirt_os.name.split("").join(kubevirt_os.name).split("").join(kubevirt_os.name).contains("x")',
    `[kubevirt_os.name]${'.map(a, a + a)'.repeat(18)}.exists(a, a == "")`,
    'kubevirt_labels.map(k, kubevirt_labels[k].split("")).map(l, l.join(kubevirt_os.name))',
  ])('as it may cost too much for one VM: %s', expression => {
    expect(() => parseExpression(expression)).toThrow(/it may take \d+ steps for one VM, and 100000 are allowed/)
  })
})

test.each<[expression: string, because: RegExp]>([
  ['kubevirt_labels["none"] == "x"', /No such key: none/],
  ['kubevirt_labels.__proto__ == "x"', /No such key/],
  ['kubevirt_labels["constructor"] == "x"', /No such key/],
  ['kubevirt_addresses[7].address', /out of bounds/],
  ['kubevirt_name.substring(99)', /range/],
])('%s fails for a VM that lacks it, and says why', (expression, because) => {
  const parsed = parseExpression(expression)
  expect(() => parsed.of(context())).toThrow(because)
})

test('the variables are those of a host in the profile full, each of the type that is declared', () => {
  const vars = plain(hostVars(guest('web-7', WISH), STANDING, 'full')) as Record<string, unknown>
  const ours = Object.keys(vars).filter(name => !name.startsWith('ansible_'))
  expect(ours.sort()).toEqual(Object.keys(HOST_VARIABLES).sort())
  const wrong = Object.entries(HOST_VARIABLES).filter(([name, type]) => !isOf(type, vars[name]))
  expect(wrong.map(([name]) => name)).toEqual([])
})

function isOf(type: (typeof HOST_VARIABLES)[string], value: unknown): boolean {
  if (type === 'string' || type === 'bool') return typeof value === (type === 'bool' ? 'boolean' : 'string')
  if (type === 'list<string>') return Array.isArray(value) && value.every(each => typeof each === 'string')
  if (typeof type === 'object' && 'each' in type)
    return (value as readonly unknown[]).every(one => isOf(type.each, one))
  if (typeof value !== 'object' || value === null) return false
  if (typeof type === 'string') return Object.values(value).every(each => typeof each === 'string')
  const keys = Object.keys(value).sort()
  return JSON.stringify(keys) === JSON.stringify(Object.keys(type.fields).sort())
}

test('whatever somebody writes, it is refused or it is bounded: no reading of it takes long or throws but an Error', () => {
  const words =
    `kubevirt_name kubevirt_labels kubevirt_addresses .map(a, .exists(a, a + == "x" .split("") .join("yy") ( ) [ ] ? : && ! in
    .size() 0 , } {`.split(/\s+/)
  const word = fc.constantFrom(...words)
  const written = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.array(word, { maxLength: 30 }).map(chosen => chosen.join(' ')),
  )
  const long = 'x'.repeat(256)
  const worst = context({
    seen: {
      os: { family: 'linux', id: long, name: long, version: long },
      labels: Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`k${at}`, 'v'.repeat(63)])),
      addresses: Array.from({ length: 16 }, () => ({ ...ADDRESSES[0], network: long })),
    },
  })
  fc.assert(
    fc.property(written, text => {
      const outcome = (): string => outcomeOf(() => parseExpression(text).of(worst))
      expect(cpuMs(() => expect(outcome()).not.toBe('odd'))).toBeLessThan(2_000)
    }),
    { numRuns: 500 },
  )
})

function outcomeOf(act: () => unknown): 'gave' | 'failed' | 'odd' {
  try {
    act()
    return 'gave'
  } catch (error) {
    return error instanceof Error && error.message !== '' ? 'failed' : 'odd'
  }
}
