import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { approachOf, ownRendering, ruleOf, type View } from '../../src/inventory/index.ts'
import { USUAL_CONNECTION } from '../../src/inventory/connection.ts'
import { viewOfAll } from '../../src/inventory/view.ts'
import { hostName, type VmRecord } from '../../src/vm/index.ts'
import { guest } from '../day2/guest.ts'
import { documentsOf } from './documents.ts'
import { hostileRecord, LABELS } from './hostile-vm.ts'

const NOW = Date.UTC(2026, 10, 21)
const GROUPS = { builtin: true, labels: LABELS, maxPerLabel: 3 }
const APPROACH = approachOf({
  addresses: { prefer: [{ network: 'a' }, { cidr: '10.0.0.0/8' }], otherwise: 'any', podNetwork: 'never' },
  connection: { ...USUAL_CONNECTION, linux: { ...USUAL_CONNECTION.linux, via: 'port_forward' } },
  variables: [
    { label: 'app', variable: 'ansible_user' },
    { annotation: 'app', variable: 'ansible_port' },
  ],
})
/** A view that makes use of all that a VM says. */
const CURIOUS: View = {
  ...viewOfAll('curious', GROUPS),
  rendering: ownRendering(
    'full',
    {
      ...GROUPS,
      rules: [
        ruleOf('os_text', 'kubevirt_os.name'),
        ruleOf(
          'texts',
          'kubevirt_labels.map(k, kubevirt_labels[k]) + [kubevirt_node, kubevirt_status, kubevirt_annotations.app]',
        ),
        ruleOf('odd', 'kubevirt_addresses[0].network == kubevirt_labels.app'),
      ],
    },
    { approach: APPROACH },
  ),
}
const VIEWS = [...(['slim', 'standard', 'full'] as const).map(profile => viewOfAll(profile, GROUPS, profile)), CURIOUS]

interface Body {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly [group: string]: unknown
}

function documents(records: readonly VmRecord[]): readonly Body[] {
  const texts = documentsOf(records, { views: VIEWS, labels: LABELS, now: NOW })
  return [...texts.values()].map(text => JSON.parse(text) as Body)
}

/** What of a value Ansible could take for a template, or could not write. */
function harmful(value: unknown): readonly string[] {
  if (typeof value === 'string') return /\{[{%#]|^#jinja2:/.test(value) || !value.isWellFormed() ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  const marked = '__ansible_unsafe' in value ? value.__ansible_unsafe : undefined
  if (typeof marked === 'string' && Object.keys(value).length === 1) return marked.isWellFormed() ? [] : [marked]
  return Object.entries(value).flatMap(([key, item]) => [...harmful(key), ...harmful(item)])
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/
const CONNECTION = ['ansible_host', 'ansible_connection', 'ansible_port', 'ansible_user', 'ansible_ssh_common_args']

const PROXY_EXAMPLE = '-o ProxyCommand="virtctl port-forward --stdio=true vm/a/b 22"'
const PROXY = /^-o ProxyCommand="virtctl port-forward --stdio=true vm\/[a-z0-9.-]+\/[a-z0-9-]+ 22"$/

test('whatever a VM holds, each document is JSON with names of the fixed alphabet, text that is inert or marked, and no connection but ours', () => {
  fc.assert(
    fc.property(fc.array(hostileRecord, { maxLength: 4 }), records => {
      const known = new Set(records.map(hostName).filter(name => NAME.test(name) && name.length <= 512))
      for (const body of documents(records)) {
        const { _meta, all, ...groups } = body
        expect(new Set(Object.keys(_meta.hostvars))).toEqual(known)
        expect((all as { children: string[] }).children).toEqual(Object.keys(groups))
        expect(Object.keys(groups).filter(group => !/^[a-z0-9_]+$/.test(group))).toEqual([])
        const members = Object.values(groups).flatMap(group => (group as { hosts: string[] }).hosts)
        expect(new Set(members)).toEqual(known)
        for (const vars of Object.values(_meta.hostvars)) {
          expect(
            Object.keys(vars).filter(key => !/^(kubevirt|day2)_[a-z0-9_]+$/.test(key) && !CONNECTION.includes(key)),
          ).toEqual([])
          expect([undefined, 'psrp']).toContain(vars['ansible_connection'])
          // An address, or the name of the host itself where its API server leads to it.
          expect(vars['ansible_host'] ?? '::').toMatch(/^([0-9a-f.:]+|[a-z0-9][a-z0-9.-]*\.[a-z0-9-]+\.prod-1)$/)
          expect(vars['ansible_user'] ?? 'x').toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
          expect(vars['ansible_ssh_common_args'] ?? PROXY_EXAMPLE).toMatch(PROXY)
          expect(harmful(vars)).toEqual([])
        }
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    }),
    { numRuns: 200 },
  )
})

test('half of a character that a cut left behind is replaced, or Python could not write what it read', () => {
  const [body] = documents([
    guest('a', {
      seen: {
        node: `${'x'.repeat(255)}\ud83d`,
        labels: { 'k\ud83d': 'v', app: '\ude00' },
        annotations: { app: 'x\ud83d' },
      },
    }),
  ])
  const vars = body?._meta.hostvars['a.shop.prod-1']
  expect(JSON.stringify(vars)).not.toMatch(/\\ud/)
})
