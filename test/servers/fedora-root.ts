import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recipe } from './cache.ts'
import { debianMirror } from './debian-mirror.ts'
import { guestRecipe } from './guest-root.ts'
import { run } from './run.ts'

/** The first Debian that has dnf5. */
const SUITE = 'forky'
const PACKAGES = [
  'python3',
  'ca-certificates',
  'iproute2',
  'openssh-server',
  'procps',
  'sudo',
  'dnf5',
  'python3-libdnf5',
  'rpm',
  'createrepo-c',
]
const DEBIAN = ['etc/debian_version', 'usr/bin/apt', 'usr/bin/apt-get']
const FILES: Readonly<Record<string, string>> = {
  'etc/fedora-release': 'Fedora release 43 (Forty Three)\n',
  'etc/redhat-release': 'Fedora release 43 (Forty Three)\n',
  'etc/os-release': 'NAME="Fedora Linux"\nID=fedora\nVERSION="43 (Server Edition)"\nVERSION_ID=43\n',
  // Debian keeps the database of each user by itself; and a root that is a folder is no mount, of which rpm would make one of its own for scripts.
  'etc/rpm/macros': '%_dbpath /var/lib/rpm\n%__transaction_unshare %{nil}\n',
}

/** A newer Debian with the real dnf5 and rpm 6, which says that it is Fedora. */
export const fedoraRecipe: Recipe = {
  name: 'fedora-guest',
  why: `a Debian ${SUITE} root with dnf5, which says that it is Fedora (110 MB to download, 400 MB on disk)`,
  takes: 'a minute',
  tools: guestRecipe.tools,
  inputs: [SUITE, ...PACKAGES, ...DEBIAN, JSON.stringify(FILES)],
  async build(into, { tools, say }) {
    const mirror = await debianMirror(SUITE)
    say(`debootstrap ${SUITE} from ${mirror}`)
    const flags = ['--variant=minbase', `--include=${PACKAGES.join(',')}`]
    // An older debootstrap does not know its name, and it is made as sid is.
    const script = '/usr/share/debootstrap/scripts/sid'
    await run(tools.get('debootstrap') ?? 'debootstrap', [...flags, SUITE, into, mirror, script])
    await run('chroot', [into, 'apt-get', 'clean'])
    for (const path of DEBIAN) await rm(join(into, path), { recursive: true, force: true })
    for (const folder of ['etc/rpm', 'etc/yum.repos.d']) await mkdir(join(into, folder), { recursive: true })
    for (const [path, text] of Object.entries(FILES)) {
      // Some of them are links to elsewhere.
      await rm(join(into, path), { force: true })
      await writeFile(join(into, path), text)
    }
    await symlink('dnf5', join(into, 'usr/bin/dnf'))
  },
}
