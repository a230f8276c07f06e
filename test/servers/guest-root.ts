import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/errors.ts'
import { provision, type Recipe, type Say } from './cache.ts'
import { debianMirror } from './debian-mirror.ts'
import { guestPrefix, removeGuest } from './left-guests.ts'
import { run, runToEnd } from './run.ts'
import type { Tool } from './toolchain.ts'

const suite = 'bookworm'
const packages = [
  'python3',
  'python3-apt',
  'ca-certificates',
  'iproute2',
  'openssh-server',
  'procps',
  'sudo',
  // Without systemd, services are started by scripts, which some packages do not have any more.
  'orphan-sysvinit-scripts',
]
/** What plays install on guests; with what these need they lie in the guest, which has no way to a mirror. */
const offered = ['chrony', 'cron', 'prometheus-node-exporter', 'puppet-agent', 'rsyslog', 'snmp', 'snmpd']
/** Makes the folder a repository: of each package its own control data, where it lies, its size and its sum. */
const INDEX = [
  'cd /srv/debian && mv /var/cache/apt/archives/*.deb .',
  'for deb in *.deb; do dpkg-deb --field "$deb"; echo "Filename: ./$deb"; echo "Size: $(stat -c %s "$deb")"',
  'echo "SHA256: $(sha256sum "$deb" | cut -d " " -f 1)"; echo; done > Packages',
].join('\n')

/** Debian's installer into a folder; installed by apt-get when missing, which the suite may do since it is root. */
const debootstrap: Tool = {
  name: 'debootstrap',
  needs: 'debootstrap',
  get: 'apt-get install debootstrap',
  suites: 'the guests suite (npm run test:guests), which makes its guests with it',
  candidates: ['debootstrap', '/usr/sbin/debootstrap'],
  async probe(candidate) {
    await run(candidate, ['--version'])
    return candidate
  },
}

/** A Debian 12 root with what Ansible needs of a guest; the packages are the newest that the machine's mirror has. */
export const guestRecipe: Recipe = {
  name: 'guest',
  why: `a Debian ${suite} root with Python and packages to install, by debootstrap (100 MB to download, 290 MB on disk)`,
  takes: 'a minute',
  tools: [debootstrap],
  inputs: [suite, ...packages, ...offered, INDEX],
  async build(into, { tools, say }) {
    const mirror = await debianMirror(suite)
    say(`debootstrap ${suite} from ${mirror}`)
    const flags = ['--variant=minbase', `--include=${packages.join(',')}`]
    await run(tools.get('debootstrap') ?? 'debootstrap', [...flags, suite, into, mirror])
    // The copies are many, and none of them installs these again.
    await run('chroot', [into, 'apt-get', 'clean'])
    say(`download what guests are asked to install: ${offered.join(', ')}`)
    await writeFile(join(into, 'etc/apt/sources.list'), `deb ${mirror} ${suite} main\n`)
    await mkdir(join(into, 'srv/debian'))
    await run('chroot', [into, 'apt-get', '--quiet', 'update'])
    const only = ['--quiet', '--yes', '--download-only', '--no-install-recommends']
    await run('chroot', [into, 'apt-get', 'install', ...only, ...offered])
    await run('chroot', [into, 'sh', '-euc', INDEX])
    await writeFile(join(into, 'etc/apt/sources.list'), 'deb [trusted=yes] file:/srv/debian ./\n')
    await run('chroot', [into, 'apt-get', '--quiet', 'update'])
  },
}

/** Throws a `Fault` when the suite cannot make guests here: not root. */
export function requireRoot(uid: number | undefined = process.getuid?.()): void {
  if (uid === 0) return
  throw new Fault(
    'root_needed',
    'the guests suite (npm run test:guests) needs root: it makes Debian roots and enters them',
    {
      hint: 'run it with sudo or in a container as root; npm test needs no root',
    },
  )
}

/** Installs debootstrap when the machine has none, and says so. */
export async function ensureDebootstrap(say: Say): Promise<void> {
  const found = await Promise.allSettled(debootstrap.candidates.map(candidate => debootstrap.probe(candidate)))
  if (found.some(({ status }) => status === 'fulfilled')) return
  say('apt-get install debootstrap, which this machine lacks')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '--yes', '--no-install-recommends', 'debootstrap']
  // On a fresh machine or container apt knows no package until it is told to look.
  if ((await runToEnd('apt-get', install, { env })).status === 0) return
  await run('apt-get', ['update'], { env })
  await run('apt-get', install, { env })
}

/** A guest's root folder of its own, gone when disposed. */
export interface GuestRoot extends AsyncDisposable {
  readonly path: string
}

/**
 * A throw-away copy of the Debian root, or of another, for one test to change at will. Takes under a second and 250 MB, less where the file system shares blocks.
 *
 * Whatever the test mounts in it, it must unmount; a mount that is left makes the disposal fail rather than delete what is behind it.
 */
export async function guestRoot(options: { say?: Say; recipe?: Recipe } = {}): Promise<GuestRoot> {
  requireRoot()
  const { recipe = guestRecipe, ...rest } = options
  const source = await provision(recipe, rest)
  const folder = await mkdtemp(join(tmpdir(), guestPrefix()))
  const path = join(folder, 'root')
  await run('cp', ['--archive', '--reflink=auto', source, path])
  return {
    path,
    async [Symbol.asyncDispose]() {
      await removeGuest(folder)
    },
  }
}
