import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { Fault } from '../../src/errors.ts'
import type { KubeClient } from './kube-client.ts'

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
  timeoutMs = 30_000,
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
  for (const crd of known) {
    // A definition is Established a moment before its resource is served; only the second is of use to a test.
    for (const version of crd.spec.versions.filter(({ served }) => served)) {
      const list = `/apis/${crd.spec.group}/${version.name}/${crd.spec.names.plural}?limit=1`
      while ((await client.request('GET', list)).status !== 200) {
        if (performance.now() > deadline) throw new Fault('crd_slow', `${list} is not served after ${timeoutMs} ms`)
        await sleep(25)
      }
    }
  }
}
