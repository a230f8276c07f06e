import { expect, test } from 'vitest'
import { labelsNamed, parseConfig } from '../../src/config/index.ts'

function named(more: object): readonly string[] {
  const config = { clusters: [{ name: 'prod-1', kubeconfig: 'k' }], ...more }
  return labelsNamed(parseConfig(JSON.stringify(config), '/etc/virtbridge.yaml'))
}

test.each<[what: string, more: object, expected: readonly string[]]>([
  ['nothing', {}, []],
  ['groups of the whole inventory', { inventory: { label_groups: ['tier', 'app'] } }, ['app', 'tier']],
  [
    'a view: its selector, who is excluded, its groups and its variables',
    {
      inventory: {
        views: [
          {
            name: 'v',
            selector: 'app=web, !legacy, tier in (a)',
            exclude: 'frozen',
            groups: { labels: ['zone'] },
            variables: [
              { label: 'login', variable: 'ansible_user' },
              { annotation: 'port', variable: 'ansible_port' },
            ],
          },
        ],
      },
    },
    ['app', 'frozen', 'legacy', 'login', 'tier', 'zone'],
  ],
  ['profiles', { profiles: [{ name: 'web', selector: 'app=web' }] }, ['app']],
])('the watch keeps the labels that are named by %s', (_what, more, expected) => {
  expect(named(more)).toEqual(expected)
})

test.each([
  ['kubevirt_labels["a.example.com/tier"] == "web"', ['a.example.com/tier', 'web']],
  ['kubevirt_labels[?"tier"].orValue("") == "web"', ['tier', 'web']],
  ['kubevirt_labels.tier', ['tier']],
  ['"tier" in kubevirt_labels', ['tier']],
  ['kubevirt_labels.exists(key, key == "tier")', ['tier']],
  ['kubevirt_os.family == "linux"', []],
])('and those that the expression %s may look up', (expression, expected) => {
  const view = { name: 'v', groups: { expressions: [{ name: 'g', expression }] } }
  expect(named({ inventory: { views: [view] } })).toEqual(expected)
})

test('256 different labels may be named, over all views and profiles', () => {
  const views = [{ name: 'v', selector: Array.from({ length: 255 }, (_, n) => `k${n}`).join() }]
  const profiles = [{ name: 'web', selector: 'app' }]
  expect(named({ inventory: { views }, profiles })).toHaveLength(256)
  expect(() => named({ inventory: { views, label_groups: ['tier'] }, profiles })).toThrow(
    '257 different labels are named',
  )
  // What can not be read is told of by itself.
  expect(() => named({ inventory: { views: [{ name: 'v', selector: 'a b' }] } })).toThrow('no condition')
})
