import { expect, test } from 'vitest'
import { annotationsNamed, type Config, ConfigError, parseConfig } from '../../src/config/index.ts'

function config(inventory: object): Config {
  return parseConfig(
    JSON.stringify({ clusters: [{ name: 'prod-1', kubeconfig: 'k' }], inventory }),
    '/etc/virtbridge.yaml',
  )
}

function viewOf(name: string, from: number, count: number): object {
  const variables = Array.from({ length: count }, (_, n) => ({
    annotation: `a-${from + n}`,
    variable: 'ansible_user',
  }))
  return { name, variables }
}

test('the watch keeps what the inventory tells and what gives variables, each once, and no more', () => {
  const variables = [
    { label: 'tier', variable: 'ansible_port' },
    { annotation: 'b', variable: 'ansible_user' },
    { annotation: 'a', variable: 'ansible_port' },
  ]
  const views = [{ name: 'one', variables }, viewOf('two', 1, 1)]
  expect(annotationsNamed(config({ annotations: ['c', 'a'], views }))).toEqual(['a', 'a-1', 'b', 'c'])
  expect(annotationsNamed(config({}))).toEqual([])
})

test('32 different annotations may be named, over all views', () => {
  const views = [viewOf('one', 0, 20), viewOf('two', 10, 20)]
  expect(annotationsNamed(config({ annotations: ['x', 'y'], views }))).toHaveLength(32)
  expect(() => config({ annotations: ['x', 'y', 'z'], views })).toThrow(ConfigError)
  expect(() => config({ annotations: ['x', 'y', 'z'], views })).toThrow('33 different annotations are named')
})
