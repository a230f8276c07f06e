import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { provision, type Recipe } from './cache.ts'
import { debianMirror } from './debian-mirror.ts'
import { guestRecipe } from './guest-root.ts'
import { run } from './run.ts'

const suite = 'bookworm'
const packages = ['bind9', 'bind9-dnsutils', 'puppetserver']
/** By what the server is reached: guests have their addresses in the order in which they boot. */
const puppetConf = [
  '[main]',
  'certname = puppet.example.com',
  'dns_alt_names = puppet.example.com,IP:127.0.1.1,IP:127.0.1.2,IP:127.0.1.3,IP:127.0.1.4',
  '[server]',
  'autosign = true',
  'node_terminus = exec',
  'external_nodes = /etc/puppet/enc',
  '',
].join('\n')
/** Who may sign and revoke: a certificate that only a shell on the server makes. */
const authority = 'puppetserver ca setup && puppetserver ca generate --ca-client --force --certname virtbridge'

/** A Debian root with what a site has beside its guests: BIND with its tools, and Puppet's server with its authority made. */
export const servicesRecipe: Recipe = {
  name: 'services',
  why: 'a Debian root with BIND and Puppet server (110 MB to download, 1 GB on disk)',
  takes: 'two minutes',
  tools: guestRecipe.tools,
  inputs: [...guestRecipe.inputs, ...packages, puppetConf, authority],
  async build(into, { say }) {
    await run('cp', ['--archive', '--reflink=auto', `${await provision(guestRecipe, { say })}/.`, into])
    const mirror = await debianMirror(suite)
    say(`apt-get install ${packages.join(' ')} from ${mirror}`)
    await writeFile(join(into, 'etc/apt/sources.list'), `deb ${mirror} ${suite} main\n`)
    await inside(into, 'apt-get --quiet update')
    await inside(
      into,
      `apt-get --quiet --yes -o Dpkg::Options::=--force-unsafe-io install --no-install-recommends ${packages.join(' ')}`,
    )
    await inside(into, 'apt-get clean')
    await mkdir(join(into, 'etc/puppet'), { recursive: true })
    await writeFile(join(into, 'etc/puppet/puppet.conf'), puppetConf)
    await inside(into, authority)
  },
}

/** Java's package looks into /proc; what is mounted for it goes with the namespace. */
async function inside(path: string, script: string): Promise<void> {
  const isolate = ['--mount', '--pid', '--fork', '--kill-child']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const mounted = 'mount -t proc proc "$1/proc" && exec chroot "$1" sh -c "$2"'
  await run('unshare', [...isolate, 'sh', '-c', mounted, 'inside', path, script], { env })
}
