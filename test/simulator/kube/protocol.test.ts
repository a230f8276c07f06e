import { afterAll, beforeAll, describe } from 'vitest'
import { Access, EVERYTHING, VIEW } from '../../../src/simulator/kube/access.ts'
import { CLUSTER_RESOURCES } from '../../../src/simulator/kube/resource.ts'
import type { KubeServer } from '../../../src/simulator/kube/server.ts'
import { startKubeServer } from '../../../src/simulator/kube/server.ts'
import { Store } from '../../../src/simulator/kube/store.ts'
import { protocolSuite } from './protocol.ts'

describe('the simulated API server', () => {
  let server: KubeServer
  beforeAll(async () => {
    const access = new Access()
    access.grant('admin-token', { user: 'admin', rules: EVERYTHING })
    access.grant('reader-token', { user: 'reader', rules: VIEW })
    const store = new Store({ resources: CLUSTER_RESOURCES, seed: 'protocol', now: Date.now })
    server = await startKubeServer({ store, access })
  })
  afterAll(() => server[Symbol.asyncDispose]())

  protocolSuite(() => ({
    url: server.url,
    token: 'admin-token',
    readerToken: 'reader-token',
    watchSeconds: 1,
    forget: async () => server.store.compact(),
  }))
})
