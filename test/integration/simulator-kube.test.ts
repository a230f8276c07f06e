import { afterAll, beforeAll, describe, vi } from 'vitest'
import { startKubeApiserver, type KubeApiserver } from '../servers/kube-apiserver.ts'
import { protocolSuite } from '../simulator/kube/protocol.ts'
import { Talk } from '../simulator/kube/talk.ts'

/**
 * What the simulated API server is held to, asked of a real one: when these fail and `test/simulator/kube/protocol.test.ts`
 * does not, the simulator tells tales. The server runs as installed, with its watch cache, which a restart empties.
 */
describe('a real kube-apiserver keeps the protocol that the simulator is held to', () => {
  let api: KubeApiserver
  beforeAll(async () => {
    api = await startKubeApiserver({
      crds: ['virtualmachines.kubevirt.io', 'virtualmachineinstances.kubevirt.io'],
    })
    api.addUser({ token: 'reader-token', name: 'reader' })
    const rbac = '/apis/rbac.authorization.k8s.io/v1'
    await api.client.create(`${rbac}/clusterroles`, {
      metadata: { name: 'reader' },
      rules: [{ apiGroups: ['kubevirt.io'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    })
    await api.client.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }],
    })
  })
  afterAll(() => api[Symbol.asyncDispose]())

  protocolSuite(() => ({
    url: api.url,
    ca: api.ca,
    token: api.adminToken,
    readerToken: 'reader-token',
    watchSeconds: 4,
    async forget() {
      await api.compact()
      await api.restart('SIGKILL')
      // Until its watch cache is filled again it answers watches with 429.
      await using talk = new Talk({ url: api.url, ca: api.ca, token: api.adminToken })
      const watched = async () => {
        using watch = await talk.watch('/apis/kubevirt.io/v1/virtualmachines?timeoutSeconds=1')
        return watch.code
      }
      await vi.waitUntil(async () => (await watched()) === 200, { timeout: 60_000 })
    },
  }))
})
