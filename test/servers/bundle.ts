import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ansible, ansibleRecipe } from './python-environment.ts'
import { provision, type Recipe, type Say } from './cache.ts'
import { run } from './run.ts'

/** The bundle `ansible`, of which only the collections that plays use are kept: the whole is 700 MB. */
const RELEASE = 'ansible==12.3.0'
const COLLECTIONS = ['ansible/windows', 'community/general']

/** Unpacks the named collections of the one wheel in a folder into another. */
const UNPACK = `
import pathlib, sys, zipfile
[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as bundle:
    for collection in sys.argv[3:]:
        names = [name for name in bundle.namelist() if name.startswith(f"ansible_collections/{collection}/")]
        if not names:
            sys.exit(f"no collection {collection} in {wheel.name}")
        bundle.extractall(sys.argv[2], names)
`

/** Collections as people have them who install `ansible` and not `ansible-core`. */
export const bundleRecipe: Recipe = {
  name: 'bundle',
  why: `collections that plays use (15 MB of the bundle ${RELEASE}, 54 MB to download)`,
  takes: '10 seconds',
  tools: ansibleRecipe.tools,
  inputs: [RELEASE, ...COLLECTIONS, UNPACK],
  async build(into, { say }) {
    const { bin } = await ansible({ say })
    say(`pip download ${RELEASE}`)
    const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--dest', join(into, 'wheel')]
    await run(join(bin, 'python'), ['-m', 'pip', 'download', ...flags, RELEASE])
    await run(join(bin, 'python'), ['-c', UNPACK, join(into, 'wheel'), into, ...COLLECTIONS])
    await rm(join(into, 'wheel'), { recursive: true })
  },
}

/** The folder to put into `ANSIBLE_COLLECTIONS_PATH`. */
export function bundle(options: { say?: Say } = {}): Promise<string> {
  return provision(bundleRecipe, options)
}
