import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recipe } from './cache.ts'
import { provision } from './cache.ts'
import { debianMirror } from './debian-mirror.ts'
import { guestRecipe } from './guest-root.ts'
import { run } from './run.ts'

/** A family of Linux that a Debian guest pretends to be: it has that family's own package manager, and says that it is of it. */
export interface Family {
  readonly name: string
  /** Of Debian: the package manager of the family, what makes its packages, and what makes a repository of them. */
  readonly packages: readonly string[]
  /** What the guest says that it is. */
  readonly release: Readonly<Record<string, string>>
}

/** What makes it no Debian any more to whoever looks, once it is out of the way. */
const DEBIAN = [
  'etc/debian_version',
  'usr/bin/apt',
  'usr/bin/apt-get',
  'usr/lib/python3/dist-packages/apt',
  'srv/debian',
]
const DATABASE = { 'etc/rpm/macros': '%_dbpath /var/lib/rpm\n' }
const FOLDER_OF_REPOSITORIES: Readonly<Record<string, string>> = { redhat: 'etc/yum.repos.d', suse: 'etc/zypp/repos.d' }

/** Debian packages the real dnf, with the plugin that says whether a reboot is needed. */
export const redhat: Family = {
  name: 'redhat',
  packages: ['dnf', 'dnf-plugins-core', 'rpm', 'createrepo-c'],
  release: {
    'etc/redhat-release': 'Red Hat Enterprise Linux release 9.6 (Plow)\n',
    'etc/os-release':
      'NAME="Red Hat Enterprise Linux"\nID="rhel"\nID_LIKE="fedora"\nVERSION="9.6 (Plow)"\nVERSION_ID="9.6"\nPLATFORM_ID="platform:el9"\n',
    // As RHEL has it: a repository that does not answer is a fault.
    'etc/dnf/dnf.conf':
      '[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n',
    'etc/dnf/vars/releasever': '9\n',
    'etc/dnf/plugins/local.conf': '[main]\nenabled = false\n',
  },
}

/** And the real zypper, which can not be on one system with the plugins of dnf. */
export const suse: Family = {
  name: 'suse',
  packages: ['zypper', 'rpm', 'createrepo-c'],
  release: {
    'etc/SuSE-release': '',
    'etc/os-release': 'NAME="SLES"\nID="sles"\nID_LIKE="suse"\nVERSION="15-SP6"\nVERSION_ID="15.6"\n',
  },
}

/** The Debian root of the guests, and what makes it one of a family. */
export function familyRecipe(family: Family): Recipe {
  return {
    name: `${family.name}-guest`,
    why: `a Debian root with ${family.packages[0]}, which says that it is of the family ${family.name} (10 MB to download, 500 MB on disk)`,
    takes: '20 seconds',
    tools: guestRecipe.tools,
    inputs: [...guestRecipe.inputs, ...DEBIAN, JSON.stringify([family, DATABASE])],
    async build(into, { say }) {
      const source = await provision(guestRecipe, { say })
      await run('cp', ['--archive', '--reflink=auto', `${source}/.`, into])
      const mirror = await debianMirror('bookworm')
      say(`apt-get install ${family.packages.join(' ')} from ${mirror}`)
      await writeFile(join(into, 'etc/apt/sources.list'), `deb ${mirror} bookworm main\n`)
      await run('chroot', [into, 'apt-get', '--quiet', 'update'])
      const flags = ['--quiet', '--yes', '--no-install-recommends']
      await run('chroot', [into, 'apt-get', 'install', ...flags, ...family.packages])
      for (const path of DEBIAN) await rm(join(into, path), { recursive: true, force: true })
      // Debian keeps that of each user by itself.
      await mkdir(join(into, 'etc/rpm'), { recursive: true })
      for (const [path, text] of Object.entries({ ...family.release, ...DATABASE }))
        await writeFile(join(into, path), text)
      await mkdir(join(into, FOLDER_OF_REPOSITORIES[family.name] ?? ''), { recursive: true })
    },
  }
}
