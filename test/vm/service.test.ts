import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ServiceBook } from '../../src/cluster/service-book.ts'
import { namedAs, projectService } from '../../src/vm/index.ts'

const service = (spec: object, more: object = {}): object => ({
  metadata: { namespace: 'shop', name: 'web-ssh' },
  spec: { type: 'NodePort', selector: { 'kubevirt.io/domain': 'web-1' }, ...spec },
  ...more,
})

describe('a Service', () => {
  test('of a VM becomes the few fields that an address behind it needs', () => {
    const ports = [
      { name: 'ssh', port: 22, targetPort: 22, nodePort: 30022 },
      { name: 'winrm', protocol: 'TCP', port: 5986, targetPort: 'winrm-https' },
      { port: 53, protocol: 'UDP' },
    ]
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }, { hostname: 'web.example.com' }, {}] } }
    expect(projectService(service({ type: 'LoadBalancer', ports }, { status }))).toEqual({
      key: 'shop/web-ssh',
      namespace: 'shop',
      wants: { 'kubevirt.io/domain': 'web-1', 'kubevirt.io/vm': '', 'vm.kubevirt.io/name': '' },
      service: {
        name: 'web-ssh',
        type: 'LoadBalancer',
        by: 'kubevirt.io/domain',
        ports: [
          { name: 'ssh', protocol: 'TCP', port: 22, target: 22, node: 30022 },
          { name: 'winrm', protocol: 'TCP', port: 5986, target: 'winrm-https', node: 0 },
          { name: '', protocol: 'UDP', port: 53, target: 53, node: 0 },
        ],
        ingress: ['192.0.2.7', 'web.example.com'],
      },
    })
  })

  test.each([
    ['that is reached from inside its cluster alone', { type: 'ClusterIP' }],
    ['that has no selector', { selector: null }],
    ['whose selector names no VM', { selector: { app: 'web' } }],
    ['that is a name of something else', { type: 'ExternalName' }],
  ])('%s is nobody’s', (_, spec) => {
    expect(projectService(service(spec)).service).toBeNull()
  })

  test('keeps 16 ports and 4 addresses of its load balancer at most', () => {
    const ports = Array.from({ length: 40 }, (_, index) => ({ port: index + 1 }))
    const ingress = Array.from({ length: 40 }, (_, index) => ({ ip: `192.0.2.${index}` }))
    const { service: kept } = projectService(service({ ports }, { status: { loadBalancer: { ingress } } }))
    expect([kept?.ports.length, kept?.ingress.length]).toEqual([16, 4])
  })

  test('whatever it looks like breaks nothing, and no word of it is other than text', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (spec, status) => {
        const { service: kept } = projectService({ metadata: { namespace: 'a', name: 'b' }, spec, status })
        JSON.stringify(kept)
        expect(projectService(spec).key).toContain('/')
      }),
    )
  })
})

test('a VM keeps 8 Services, the first by name', () => {
  const book = new ServiceBook()
  const parts = Array.from({ length: 20 }, (_, index) =>
    projectService({ ...service({}), metadata: { namespace: 'shop', name: `s-${String(index).padStart(2, '0')}` } }),
  )
  book.take({ kind: 'listed', objects: new Map(parts.map(part => [part.key, part])), resourceVersion: '1' })
  book.place('shop/web-1', namedAs({ name: 'web-1', domain: 'web-1', vmLabel: '' }))
  expect(book.of('shop/web-1')?.map(({ name }) => name)).toEqual(
    Array.from({ length: 8 }, (_, index) => `s-${String(index).padStart(2, '0')}`),
  )
})
