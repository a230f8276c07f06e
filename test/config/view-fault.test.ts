import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig, parseHostFormat } from '../../src/config/index.ts'

/** The faults of a configuration with this one view, as `path below the view: message`. */
function faultsOf(view: string, more = ''): readonly string[] {
  const source = `clusters: [{name: prod-1, in_cluster: true}]\n${more}\ninventory:\n  views:\n    - ${JSON.stringify({ name: 'v' }).slice(0, -1)}, ${view}}\n`
  try {
    parseConfig(source, '/etc/v/v.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ path, message }) => `${path.replace('inventory.views.0.', '')}: ${message}`)
  }
}

test.each(['hosts', 'diff'])('a view can not be called %s, as that is another page of the inventory', name => {
  const source = `clusters: [{name: prod-1, in_cluster: true}]\ninventory: {views: [{name: ${name}}]}\n`
  expect(() => parseConfig(source, '/etc/v/v.yaml')).toThrow(`"${name}" is another page of the inventory`)
})

describe('a fault of a view is told with its place', () => {
  test.each<[view: string, faults: readonly string[]]>([
    ['host_name: "{nam}"', ['host_name: there is no {nam}']],
    ['host_name: "vm.example.com"', ['host_name: it has neither {name} nor {uid}, so that all VMs would share a name']],
    ['host_name: "-{name}"', ['host_name: a host name begins with a letter or a digit']],
    ['host_name: "{name}:22"', ['host_name: a host name has no ":"']],
    ['host_name: "{{ name }}"', ['host_name: a host name has no "{"']],
    ['exclude: "a in b"', ['exclude: "a in b" is no condition on labels']],
    ['enabled: always', ['enabled: is none of the choices']],
    ['cluster_sets: []', ['cluster_sets: must NOT have fewer than 1 items']],
    ['max_shrink: 101', ['max_shrink: must be <= 100']],
    ['addresses: {prefer: [{cidr: 10.0.0.0}]}', ['addresses.prefer.0.cidr: "10.0.0.0" is no range of addresses']],
    ...['10.20/16', '192.168.010.0/24', '"::ffff:10.20.0.0/112"', '"fd00::%1/64"'].map<[string, readonly string[]]>(
      cidr => [
        `addresses: {prefer: [{cidr: ${cidr}}]}`,
        [`addresses.prefer.0.cidr: "${cidr.replaceAll('"', '')}" is no range of addresses`],
      ],
    ),
    [
      'addresses: {prefer: [{cidr: 10.0.0.0/8, family: ipv6}]}',
      ['addresses.prefer.0.family: no address of 10.0.0.0/8 is ipv6'],
    ],
    ['addresses: {prefer: [{}]}', ['addresses.prefer.0: must NOT have fewer than 1 properties']],
    ['addresses: {pod_network: first}', ['addresses.pod_network: is none of the choices']],
    [
      'connection: {linux: {via: service}}',
      ['connection.linux.via: Services are not watched, so no host would have an address'],
    ],
    ['connection: {linux: {user: "a b"}}', ['connection.linux.user: is not well formed']],
    [
      'connection: {linux: {service_ports: [22, ssh, 70000]}}',
      ['connection.linux.service_ports.2: is none of what may stand here'],
    ],
    ['connection: {linux: {node_domain: "a;b"}}', ['connection.linux.node_domain: is not well formed']],
    [
      'connection: {linux: {virtctl: {kubeconfig: "/a b"}}}',
      ['connection.linux.virtctl.kubeconfig: is not well formed'],
    ],
    ['connection: {linux: {virtctl: {context: "$(id)"}}}', ['connection.linux.virtctl.context: is not well formed']],
    ['connection: {linux: {virtctl: {context: "{cluster}-admin"}}}', []],
    [
      'connection: {linux: {virtctl: {context: "{name}"}}, windows: {virtctl: {context: "a{"}}}',
      ['linux', 'windows'].map(os => `connection.${os}.virtctl.context: it has a brace that is not of {cluster}`),
    ],
    ['connection: {linux: {certificate: ignore}}', ['connection.linux.certificate: unknown key']],
    ['connection: {windows: {via: port_forward}}', ['connection.windows.via: psrp has no way through a proxy command']],
    ['connection: {windows: {type: ssh, via: port_forward}}', []],
    ['connection: {windows: {type: ssh, transport: ntlm}}', ['connection.windows.transport: ssh has none']],
    [
      'connection: {windows: {type: winrm, transport: negotiate}}',
      ['connection.windows.transport: winrm calls it ntlm or kerberos'],
    ],
    ...['', 'basic', 'certificate'].map((transport): [string, readonly string[]] => [
      `connection: {windows: {scheme: http, transport: "${transport}"}}`,
      ['connection.windows.scheme: http would show passwords, or what is done, to everybody on the way'],
    ]),
    ['connection: {linux: {dns_name: "{name}.vm.example.com"}}', []],
    ['connection: {windows: {dns_name: "{host}.example.com"}}', ['connection.windows.dns_name: there is no {host}']],
    [
      'connection: {linux: {via: port_forward, dns_name: "{name}.vm.example.com"}}',
      ['connection.linux.dns_name: via: port_forward goes by no name of the guest'],
    ],
    ['connection: {windows: {scheme: http, transport: kerberos}}', []],
    ['connection: {windows: {kerberos_name: "{name}.AD.example.com"}}', []],
    ['connection: {windows: {kerberos_name: "{host}"}}', ['connection.windows.kerberos_name: there is no {host}']],
    ['variables: [{label: a, variable: ansible_ssh_common_args}]', ['variables.0.variable: is none of the choices']],
    ['variables: [{label: a, variable: ansible_host}]', ['variables.0.variable: is none of the choices']],
    [
      'variables: [{annotation: example.com/a, variable: ansible_host}]',
      ['variables.0.variable: is none of the choices'],
    ],
    ['variables: [{annotation: example.com/a, variable: ansible_user}]', []],
    ['variables: [{annotation: "{{ a }}", variable: ansible_user}]', ['variables.0.annotation: is not well formed']],
    ['variables: [{variable: ansible_user}]', ['variables.0: nothing gives it']],
    [
      'variables: [{label: a, annotation: a, variable: ansible_user}]',
      ['variables.0: either a label or an annotation gives it'],
    ],
    [
      'groups: {expressions: [{name: a, expression: "kubevirt_nam == 1"}]}',
      ['groups.expressions.0.expression: Unknown variable: kubevirt_nam'],
    ],
    ['groups: {expressions: [{name: "A-b", expression: "true"}]}', ['groups.expressions.0.name: is not well formed']],
    [
      'groups: {expressions: [{name: all, expression: "true"}, {name: os, expression: kubevirt_os.name}]}',
      [
        'groups.expressions.0.name: "all" is, or begins like, a group that is there by itself',
        'groups.expressions.1.name: "os" is, or begins like, a group that is there by itself',
      ],
    ],
    [
      'groups: {expressions: [{name: a, expression: "true"}, {name: a, expression: "false"}]}',
      ['groups.expressions.1.name: "a" is the name of another expression too'],
    ],
    [
      'groups: {expressions: [{name: net_dmz, expression: "true"}, {name: net, expression: "kubevirt_addresses.map(a, a.network)"}, {name: net_dmz_in, expression: kubevirt_os.name}], parents: {net_all: [x]}}',
      [
        'groups.expressions.0.name: "net_dmz" could be a group that the expression "net" makes of a text',
        'groups.expressions.2.name: "net_dmz_in" could be a group that the expression "net" makes of a text',
        'groups.parents.net_all: "net_all" could be a group that the expression "net" makes of a text',
      ],
    ],
    [
      'groups: {expressions: [{name: web, expression: "true"}, {name: web_front, expression: "true"}, {name: webs_a, expression: kubevirt_node}, {name: net, expression: kubevirt_node}], parents: {web_all: [net_a]}}',
      [],
    ],
    [
      'groups: {parents: {a: [b], c: [b], d: [a], ungrouped: [x]}}',
      [
        'groups.parents.c.0: "b" is a child of "a" already',
        'groups.parents.d.0: "a" is a parent itself',
        'groups.parents.ungrouped: "ungrouped" is, or begins like, a group that is there by itself',
      ],
    ],
    [
      'format: kubevirt.core, kubevirt_core: {use_service: false}, profile: slim, groups: {labels: [a], max_per_label: 7}',
      [
        'profile: counts for nothing in the format kubevirt.core',
        'groups.labels: counts for nothing in the format kubevirt.core',
      ],
    ],
    [
      'format: kubevirt.core, kubevirt_core: {use_service: false}, connection: {linux: {user: x}}, host_name: "{name}"',
      [
        'host_name: counts for nothing in the format kubevirt.core',
        'connection: counts for nothing in the format kubevirt.core',
      ],
    ],
    [
      'format: kubevirt.core, kubevirt_core: {use_service: false}, exclude: a=b, enabled: known',
      [
        'exclude: counts for nothing in the format kubevirt.core',
        'enabled: counts for nothing in the format kubevirt.core',
      ],
    ],
    ['format: kubevirt.core, kubevirt_core: {use_service: false, state: true}, exclude: a=b, enabled: known', []],
    ['groups: {parents: {"a-b": [b]}}', ['groups.parents.a-b: can not stand here']],
  ])('%s', (view, faults) => {
    expect(faultsOf(view)).toEqual(faults)
  })

  test('where Services are watched, hosts may be reached by them', () => {
    expect(faultsOf('connection: {linux: {via: service}}', 'watch: {services: true}')).toEqual([])
  })
})

test.each<[format: string, parts: readonly unknown[]]>([
  ['{name}', [{ field: 'name' }]],
  ['{namespace}-{name}', [{ field: 'namespace' }, '-', { field: 'name' }]],
  ['vm-{uid}.example.com', ['vm-', { field: 'uid' }, '.example.com']],
])('the format %s is read into its parts', (format, parts) => {
  expect(parseHostFormat(format)).toEqual(parts)
})
