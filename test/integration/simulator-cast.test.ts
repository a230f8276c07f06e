import { afterAll, beforeAll, expect, test } from 'vitest'
import { CAST, CLUSTERS, NODES } from '../../src/simulator/cast/cast.ts'
import { performOp } from '../../src/simulator/cast/op.ts'
import type { Resource } from '../../src/simulator/kube/resource.ts'
import { CLUSTER_RESOURCES, MIGRATIONS, VMIS, VMS, apiVersionOf } from '../../src/simulator/kube/resource.ts'
import { Store } from '../../src/simulator/kube/store.ts'
import { settle } from '../../src/simulator/virt/virt.ts'
import { startKubeApiserver, type KubeApiserver } from '../servers/kube-apiserver.ts'

let api: KubeApiserver
beforeAll(async () => {
  api = await startKubeApiserver({
    crds: [
      'virtualmachines.kubevirt.io',
      'virtualmachineinstances.kubevirt.io',
      'virtualmachineinstancemigrations.kubevirt.io',
    ],
  })
})
afterAll(() => api[Symbol.asyncDispose]())

/** Sends an object to the real API server, strictly: a field that the CRD does not know is refused rather than dropped. */
function sendTo<T>(resource: Resource, object: { metadata: { namespace?: string } }, path = ''): Promise<T> {
  const { namespace } = object.metadata
  const url = `/apis/${apiVersionOf(resource)}/namespaces/${namespace}/${resource.plural}${path}?fieldValidation=Strict`
  return api.client.expect<T>(path === '' ? 'POST' : 'PUT', url, { body: object })
}

test('every object that the demo shows, with its status, is one that the CRDs of KubeVirt accept as it is', async () => {
  for (const name of CLUSTERS) {
    const store = new Store({ resources: CLUSTER_RESOURCES, seed: name, now: Date.now })
    for (const sketch of CAST[name]) performOp(store, { do: 'create', cluster: name, sketch })
    const stage = { store, cluster: name, nodes: NODES[name], seed: name }
    settle(stage, { now: Date.now() })
    const [moving] = store.list(VMIS)
    const { namespace = '', name: vmiName = '' } = moving?.metadata ?? {}
    store.create(MIGRATIONS, { metadata: { namespace, name: `m-${name}` }, spec: { vmiName } })
    settle(stage, { now: Date.now() })

    for (const resource of [VMS, VMIS, MIGRATIONS]) {
      expect(store.list(resource).length).toBeGreaterThan(0)
      for (const object of store.list(resource)) {
        const { namespace = '' } = object.metadata
        const metadata = { ...object.metadata, namespace: `${name}-${namespace}` }
        await api.client.apply(`/api/v1/namespaces/${metadata.namespace}`, {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: metadata.namespace },
        })
        const { resourceVersion: _ours, uid: _uid, ...draft } = metadata
        const made = await sendTo<typeof object>(resource, { ...object, metadata: draft })
        const whole = resource.statusSubresource
          ? await sendTo<typeof object>(
              resource,
              { ...object, metadata: made.metadata },
              `/${object.metadata.name}/status`,
            )
          : made
        expect(whole).toMatchObject({ spec: object.spec, status: object.status })
      }
    }
  }
})
