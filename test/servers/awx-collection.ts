import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { provision, type Recipe, type Say } from './cache.ts'
import { ansible, ansibleRecipe } from './python-environment.ts'
import { run } from './run.ts'

/** The bundle `ansible`, of which the one collection is kept that sets up an AWX. */
const RELEASE = 'ansible==12.3.0'
const UNPACK = `
import pathlib, sys, zipfile
[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as bundle:
    bundle.extractall(sys.argv[2], [name for name in bundle.namelist() if name.startswith("ansible_collections/awx/awx/")])
`

/** awx.awx as people have it who install `ansible` and not `ansible-core`. */
export const awxCollectionRecipe: Recipe = {
  name: 'awx-collection',
  why: `the collection awx.awx (2 MB of the bundle ${RELEASE}, 54 MB to download)`,
  takes: '10 seconds',
  tools: ansibleRecipe.tools,
  inputs: [RELEASE, UNPACK],
  async build(into, { say }) {
    const { bin } = await ansible({ say })
    say(`pip download ${RELEASE}`)
    const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--dest', join(into, 'wheel')]
    await run(join(bin, 'python'), ['-m', 'pip', 'download', ...flags, RELEASE])
    await run(join(bin, 'python'), ['-c', UNPACK, join(into, 'wheel'), into])
    await rm(join(into, 'wheel'), { recursive: true })
  },
}

/** The folder to put into `ANSIBLE_COLLECTIONS_PATH`. */
export function awxCollection(options: { say?: Say } = {}): Promise<string> {
  return provision(awxCollectionRecipe, options)
}
