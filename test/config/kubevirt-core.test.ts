import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../../src/config/index.ts'

function config(options: string, rest = ''): string {
  return `
clusters: [{name: prod-1, kubeconfig: k}]
inventory: {views: [{name: old, format: kubevirt.core, ${rest}kubevirt_core: {${options}}}]}
`
}

function faultsOf(text: string): readonly string[] {
  try {
    parseConfig(text, '/etc/virtbridge.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
}

const AT = 'inventory.views.0.kubevirt_core'

describe('a view of the format kubevirt.core', () => {
  test.each([
    ['use_service: false', '', []],
    ['network_name: vlan10', '', []],
    ['', '', [`${AT}.use_service: Services are not watched, so that none would be found`]],
    [
      'use_service: false, name: old',
      '',
      [`${AT}.name: it is the group of one cluster, and the view may have several`],
    ],
    ['use_service: false, name: old', 'clusters: [prod-1], ', []],
    ['use_service: false, append_base_domain: true', '', []],
    ['use_service: false, label_selector: "a b"', '', [`${AT}.label_selector: "a b" is no condition on labels`]],
    ['use_service: false, host_format: "{nme}"', '', [`${AT}.host_format: there is no {nme}`]],
  ])('with {%s} and {%s}', (options, rest, faults) => {
    expect(faultsOf(config(options, rest))).toEqual(faults)
  })

  test('has the defaults of the plugin', () => {
    const [view] = parseConfig(config('use_service: false'), '/etc/virtbridge.yaml').inventory.views
    expect(view?.kubevirt_core).toMatchObject({
      host_format: '{namespace}-{name}',
      unset_ansible_port: true,
      timestamps: false,
    })
  })

  test('says nothing of a view that is not', () => {
    const text = config('append_base_domain: true').replace('format: kubevirt.core', 'format: virtbridge')
    expect(faultsOf(text)).toEqual([])
  })
})
