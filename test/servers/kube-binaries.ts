import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { provision, type Recipe, type Say } from './cache.ts'
import { run } from './run.ts'
import { go } from './toolchain.ts'

const moduleFolder = join(import.meta.dirname, 'kube')
const goMod = readFileSync(join(moduleFolder, 'go.mod'), 'utf8')
const goSum = readFileSync(join(moduleFolder, 'go.sum'), 'utf8')

/** The Kubernetes that the tests run against, as `GET /version` tells it. */
export const kubernetesVersion = /k8s\.io\/kubernetes (v\S+)/.exec(goMod)?.[1] ?? 'v0.0.0'

const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.')
const stamp = 'k8s.io/component-base/version'
const kubernetesFlags = `-s -w -X ${stamp}.gitVersion=${kubernetesVersion} -X ${stamp}.gitMajor=${major} -X ${stamp}.gitMinor=${minor}`
const targets = [
  { file: 'etcd', source: 'go.etcd.io/etcd/server/v3', ldflags: '-s -w' },
  { file: 'kube-apiserver', source: 'k8s.io/kubernetes/cmd/kube-apiserver', ldflags: kubernetesFlags },
  { file: 'kubectl', source: 'k8s.io/kubernetes/cmd/kubectl', ldflags: kubernetesFlags },
]

/** kube-apiserver, etcd and kubectl, built from their Go modules; `kube/go.mod` and `kube/go.sum` say which, to the last byte. */
export const kubeRecipe: Recipe = {
  name: 'kube',
  why: `kube-apiserver ${kubernetesVersion}, kubectl and etcd from their Go modules (620 MB to download, 2 GB of Go build cache)`,
  takes: '3 to 5 minutes',
  tools: [go],
  inputs: [goMod, goSum, JSON.stringify(targets)],
  async build(into, { tools, say }) {
    // Whoever runs this may have flags of his own for Go; none of them may change what is built.
    const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' }
    for (const { file, source, ldflags } of targets) {
      say(`go build ${source}`)
      const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', ldflags]
      await run(tools.get('go') ?? 'go', ['build', ...flags, '-o', join(into, file), source], {
        cwd: moduleFolder,
        env,
      })
    }
  },
}

/** Paths of the programs, built first when they are not in the cache. */
export async function kubeBinaries(
  options: { say?: Say } = {},
): Promise<{ apiserver: string; etcd: string; kubectl: string }> {
  const folder = await provision(kubeRecipe, options)
  return { apiserver: join(folder, 'kube-apiserver'), etcd: join(folder, 'etcd'), kubectl: join(folder, 'kubectl') }
}
