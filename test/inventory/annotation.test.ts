import { expect, test } from 'vitest'
import { Fleet } from '../../src/fleet/index.ts'
import { approachOf, InventoryCache, ownRendering, ruleOf, type View } from '../../src/inventory/index.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { hostName, type VmRecord, vmKey } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { synced } from './clusters.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = {
  builtin: false,
  labels: [],
  maxPerLabel: 9,
  rules: [ruleOf('owner', 'kubevirt_annotations[?"owner"].orValue("")')],
}
const approach = approachOf({ variables: [{ annotation: 'login', variable: 'ansible_user' }] })
const VIEW: View = {
  ...viewOfAll('by-login', GROUPS),
  rendering: ownRendering('standard', GROUPS, { approach }),
}
const FULL: View = { ...viewOfAll('full', GROUPS), rendering: ownRendering('full', GROUPS) }

interface Vars {
  readonly ansible_user?: string
  readonly kubevirt_annotations: object
}

interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Vars>> }
}

function noted(name: string, annotations?: VmRecord['seen']['annotations']): VmRecord {
  return guest(name, { seen: annotations === undefined ? {} : { annotations } })
}

function open(...records: readonly VmRecord[]) {
  const fleet = new Fleet()
  fleet.apply({ key: 'prod-1', value: synced('prod-1', NOW) })
  const put = (record: VmRecord): void => fleet.apply({ key: vmKey(record), value: record })
  records.forEach(put)
  const cache = new InventoryCache({
    fleet,
    views: [VIEW, FULL],
    expected: ['prod-1'],
    limits: { staleAfterMs: 60_000, disableAfterMs: 3_600_000 },
    labelGroups: [],
    verbsOf: () => ({ onboard: '', patch: '' }),
    now: () => NOW,
  })
  const read = (view: string): Body | string => {
    const inventory = cache.read(NOW, view)
    return inventory.kind === 'closed' ? inventory.because : (JSON.parse(inventory.body) as Body)
  }
  const varsOf = (view: string, record: VmRecord): Vars => {
    const body = read(view)
    if (typeof body === 'string') throw new Error(body)
    const vars = body._meta.hostvars[hostName(record)]
    if (vars === undefined) throw new Error('not listed')
    return vars
  }
  return { put, read, varsOf, [Symbol.dispose]: () => cache[Symbol.dispose]() }
}

test('annotations that were kept are told as they are or marked, and expressions read them', () => {
  const web = noted('web-1', { owner: 'shop "a" ü', login: '', note: '{{ 6*7 }}' })
  using world = open(web)
  expect(world.varsOf('', web).kubevirt_annotations).toEqual({
    owner: 'shop "a" ü',
    login: '',
    note: { __ansible_unsafe: '{{ 6*7 }}' },
  })
  expect(Object.keys(world.read('by-login'))).toContain('owner_shop__a___')
})

test('of a VM whose annotations were never looked for none is told, in the profile full that there are none, and the whole inventory is open', () => {
  const web = noted('web-1')
  using world = open(web)
  expect(world.varsOf('', web)).not.toHaveProperty('kubevirt_annotations')
  expect(world.varsOf('full', web).kubevirt_annotations).toEqual({})
})

test('a view whose variables hang on an annotation is closed until it is known what each of its VMs says there', () => {
  const [web, db] = [noted('web-1', { login: 'core' }), noted('db-1', { other: 'x' })]
  using world = open(web, db)
  expect(world.read('by-login')).toBe('lacking')
  expect(world.varsOf('', web)).not.toHaveProperty('ansible_user')
  world.put(noted('db-1', { other: 'x', login: '' }))
  expect(world.varsOf('by-login', web).ansible_user).toBe('core')
  expect(world.varsOf('by-login', db)).not.toHaveProperty('ansible_user')
})

test('a VM that can not be read any more, as its cluster was taken out, closes no view', () => {
  const [web, db] = [noted('web-1', { login: 'core' }), { ...noted('db-1'), out_of_scope: 'event' }]
  using world = open(web, db)
  expect(world.varsOf('by-login', web).ansible_user).toBe('core')
})
