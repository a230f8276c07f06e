import type { ClusterName } from './cast.ts'
import type { Sketch } from './guest-vm.ts'
import { OUTCOME_FAILED, OUTCOME_LABEL } from './guest-vm.ts'
import type { Op } from './op.ts'

/** One act of the demo: after a pause, some things are done, told in one sentence. */
export interface Act {
  /** Pause before it, in ms at speed 1. */
  afterMs: number
  tell: string
  ops: readonly Op[]
}

/** By this label a guest asks the rulebooks to be onboarded, where they drive it (docs/eda.md); to virtbridge it says nothing. */
const ASKS = { 'virtbridge.io/onboard': 'true' }

/** The guest that is news and gets onboarded. */
export const NEW_GUEST: Sketch & { cluster: ClusterName } = {
  cluster: 'prod-1',
  namespace: 'shop',
  name: 'rhel9-orders',
  os: 'rhel9',
  labels: { tier: 'app', environment: 'prod', ...ASKS },
}

/** The guest that is news and whose onboarding fails. */
export const FAILING_GUEST: Sketch & { cluster: ClusterName } = {
  cluster: 'dev-1',
  namespace: 'shop',
  name: 'debian-cache',
  os: 'debian12',
  labels: { tier: 'cache', environment: 'dev', [OUTCOME_LABEL]: OUTCOME_FAILED, ...ASKS },
}

/** The guest that is deleted and made again under the same name. */
const TWICE_BORN: Sketch & { cluster: ClusterName } = {
  cluster: 'dev-1',
  namespace: 'build',
  name: 'runner-1',
  os: 'ubuntu24.04',
  labels: { environment: 'dev' },
  incarnation: 2,
}

const ref = (namespace: string, name: string) => ({ namespace, name })

/** What happens once the bridge has adopted the cast. About 45 s at speed 1. */
export const STORY: readonly Act[] = [
  {
    afterMs: 1000,
    tell: 'Argo CD starts the Fedora pair: dev-fedora on dev-1 and prod-fedora on prod-1',
    ops: [
      { do: 'start', cluster: 'dev-1', ref: ref('gitops', 'dev-fedora') },
      { do: 'start', cluster: 'prod-1', ref: ref('gitops', 'prod-fedora') },
    ],
  },
  {
    afterMs: 2000,
    tell: `somebody creates a RHEL 9 guest on prod-1: shop/${NEW_GUEST.name}`,
    ops: [{ do: 'create', cluster: NEW_GUEST.cluster, sketch: NEW_GUEST }],
  },
  {
    afterMs: 2000,
    tell: `somebody creates a Debian guest on dev-1: shop/${FAILING_GUEST.name}`,
    ops: [{ do: 'create', cluster: FAILING_GUEST.cluster, sketch: FAILING_GUEST }],
  },
  {
    afterMs: 12_000,
    tell: 'prod-1 moves shop/web-1 to another node, live',
    ops: [{ do: 'migrate', cluster: 'prod-1', ref: ref('shop', 'web-1'), name: 'web-1-drain' }],
  },
  {
    afterMs: 5000,
    tell: 'somebody stops build/runner-2 on dev-1',
    ops: [{ do: 'stop', cluster: 'dev-1', ref: ref('build', 'runner-2') }],
  },
  {
    afterMs: 4000,
    tell: 'somebody deletes mail/mail-1 on prod-1',
    ops: [{ do: 'delete', cluster: 'prod-1', ref: ref('mail', 'mail-1'), incarnation: 1 }],
  },
  {
    afterMs: 4000,
    tell: 'somebody deletes build/runner-1 on dev-1 and makes a new one of the same name',
    ops: [
      { do: 'delete', cluster: TWICE_BORN.cluster, ref: ref('build', 'runner-1'), incarnation: 1 },
      { do: 'create', cluster: TWICE_BORN.cluster, sketch: TWICE_BORN },
    ],
  },
]
