import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { Fault } from '../../src/errors.ts'
import type { KubeClient, KubeObject } from './kube-client.ts'

const folder = join(import.meta.dirname, '..', 'fixtures', 'crds')

interface Crd {
  metadata: { name: string }
  spec: { group: string; names: { plural: string }; versions: { name: string; served: boolean }[] }
}

/** The custom resource definitions of `test/fixtures/crds` by name (`virtualmachines.kubevirt.io`). */
export async function readCrds(): Promise<ReadonlyMap<string, Crd>> {
  const crds = new Map<string, Crd>()
  for (const file of await readdir(folder)) {
    const crd = parse(await readFile(join(folder, file), 'utf8')) as Crd
    crds.set(crd.metadata.name, crd)
  }
  return crds
}

/** Installs the named definitions, or all, and returns when the API serves every version of each. An unknown name is a `Fault`. */
export async function installCrds(
  client: KubeClient,
  names: readonly string[] | 'all',
  timeoutMs = 300_000,
): Promise<void> {
  const crds = await readCrds()
  const chosen = names === 'all' ? [...crds.keys()] : names
  const known = chosen.map(name => {
    const crd = crds.get(name)
    if (crd === undefined) throw new Fault('crd_unknown', `no CRD ${name}; there are ${[...crds.keys()].join(', ')}`)
    return crd
  })
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  await Promise.all(known.map(crd => client.create(path, crd)))
  const deadline = performance.now() + timeoutMs
  const until = async (holds: () => Promise<boolean>, what: string): Promise<void> => {
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Fault('crd_slow', `${what} after ${timeoutMs} ms`)
      await sleep(25)
    }
  }
  for (const crd of known) {
    // Neither implies the other: a resource may be served before its definition is Established, and after.
    await until(
      async () => isEstablished(await client.get(`${path}/${crd.metadata.name}`)),
      `${crd.metadata.name} is not Established`,
    )
    for (const version of crd.spec.versions.filter(({ served }) => served)) {
      const list = `/apis/${crd.spec.group}/${version.name}/${crd.spec.names.plural}?limit=1`
      await until(async () => (await client.request('GET', list)).status === 200, `${list} is not served`)
    }
  }
}

function isEstablished(crd: KubeObject): boolean {
  // Null rather than absent at first, whatever the schema says.
  const { conditions } = (crd['status'] ?? {}) as { conditions?: { type: string; status: string }[] | null }
  return conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false
}
