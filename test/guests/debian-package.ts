import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../servers/run.ts'
import type { Guest } from './guest-network.ts'

const repository = 'srv/packages'

/**
 * Makes a package of ours, puts it into a repository of files inside the guest, and the repository among the guest's sources. `postinst` is a
 * script that runs in the guest when it is installed, `programs` are what else is in it, by path.
 */
export async function publishPackage(
  guest: Guest,
  name: string,
  version: string,
  { postinst = '', programs = {} }: { postinst?: string; programs?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-deb-'))
  try {
    await mkdir(join(folder, 'DEBIAN'), { recursive: true })
    await mkdir(join(folder, 'usr/share', name), { recursive: true })
    const fields = { Package: name, Version: version, Architecture: 'all', Maintainer: 'virtbridge <a@example.com>' }
    const control = Object.entries({ ...fields, Description: 'made by a test' }).map(
      ([key, value]) => `${key}: ${value}`,
    )
    await writeFile(join(folder, 'DEBIAN/control'), `${control.join('\n')}\n`)
    await writeFile(join(folder, 'usr/share', name, 'version'), `${version}\n`)
    for (const [path, text] of Object.entries(programs)) {
      await mkdir(join(folder, path, '..'), { recursive: true })
      await writeFile(join(folder, path), text, { mode: 0o755 })
    }
    if (postinst !== '') await writeFile(join(folder, 'DEBIAN/postinst'), postinst, { mode: 0o755 })
    await mkdir(join(guest.root, repository), { recursive: true })
    await run('dpkg-deb', [
      '--build',
      '--root-owner-group',
      folder,
      join(guest.root, repository, `${name}_${version}_all.deb`),
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
  await index(guest)
}

/** `dpkg-scanpackages` is in no small system; what it writes is each package's own control data, where it lies, and its size and sum. */
async function index(guest: Guest): Promise<void> {
  const stanzas: string[] = []
  for (const file of await readdir(join(guest.root, repository))) {
    if (!file.endsWith('.deb')) continue
    const path = join(guest.root, repository, file)
    const control = await run('dpkg-deb', ['--field', path])
    const [sum] = (await run('sha256sum', [path])).split(' ')
    const size = (await run('stat', ['--format=%s', path])).trim()
    stanzas.push(`${control.trim()}\nFilename: ./${file}\nSize: ${size}\nSHA256: ${sum}\n`)
  }
  await writeFile(join(guest.root, repository, 'Packages'), stanzas.join('\n'))
  await writeFile(join(guest.root, 'etc/apt/sources.list.d/ours.list'), `deb [trusted=yes] file:/${repository} ./\n`)
}
