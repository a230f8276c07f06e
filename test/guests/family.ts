import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Recipe } from '../servers/cache.ts'
import { familyRecipe, redhat, suse } from '../servers/family-root.ts'
import { run } from '../servers/run.ts'
import { publishRpms, type Rpm } from './rpm-package.ts'
import { Stage } from './stage.ts'

const standIns = join(import.meta.dirname, 'stand-ins')
export const host = 'db-1.shop.prod-1'
export const TOKEN = 'hvs.a-token-that-nobody-may-see'
export const SITE = 'http://127.0.0.1:8200'

/** What differs between families, as their own packages have it. */
export interface Distribution {
  readonly recipe: Recipe
  /** What installs a package of that name. */
  readonly install: readonly string[]
  /** The program that rebuilds the trusted authorities, and the folder that it takes those of a site from. */
  readonly trust: { readonly program: string; readonly folder: string; readonly bundle: string }
  readonly rsyslog: { readonly tls: string; readonly spool: string }
  /** What the line of an account that is asked for its password begins with, in its own file of sudo. */
  readonly sudoers: string
}

/** RHEL 9: where its own packages have things. */
export const REDHAT: Distribution = {
  recipe: familyRecipe(redhat),
  install: ['dnf', '--quiet', '--assumeyes', 'install'],
  trust: {
    program: 'usr/bin/update-ca-trust',
    folder: 'etc/pki/ca-trust/source/anchors',
    bundle: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  },
  rsyslog: { tls: 'rsyslog-gnutls', spool: '/var/lib/rsyslog' },
  sudoers: '',
}

/** SLES 15, likewise. */
export const SUSE: Distribution = {
  recipe: familyRecipe(suse),
  install: ['zypper', '--non-interactive', '--quiet', 'install'],
  trust: {
    program: 'usr/sbin/update-ca-certificates',
    folder: 'etc/pki/trust/anchors',
    bundle: '/var/lib/ca-certificates/ca-bundle.pem',
  },
  rsyslog: { tls: 'rsyslog-module-gtls', spool: '/var/spool/rsyslog' },
  sudoers: 'Defaults:bob !targetpw\n',
}

/** A guest of a family with its own package manager, and with stand-ins for systemd and for what packages bring; a Vault and a monitoring beside it. */
export class FamilyStage implements AsyncDisposable {
  readonly stage: Stage
  readonly root: string
  readonly distribution: Distribution
  readonly #folder: string
  readonly #over = new AbortController()
  readonly #ended: Promise<unknown>

  private constructor(stage: Stage, distribution: Distribution, folder: string) {
    this.stage = stage
    this.root = stage.guest(host).root
    this.distribution = distribution
    this.#folder = folder
    const served = [join(standIns, 'site.ts'), '8200', folder]
    this.#ended = stage.network.run(process.execPath, served, { signal: this.#over.signal }).catch(() => undefined)
  }

  static async set(distribution: Distribution): Promise<FamilyStage> {
    const folder = await mkdtemp(join(tmpdir(), 'virtbridge-site-'))
    await writeFile(join(folder, 'token'), TOKEN)
    const stage = await Stage.set({ [host]: '7f0f2b1c-90e1-5a5e-8a64-5a1b1b1b1b1b' }, distribution.recipe)
    const family = new FamilyStage(stage, distribution, folder)
    await family.#prepare()
    return family
  }

  async text(path: string): Promise<string> {
    return readFile(join(this.root, path), 'utf8')
  }

  /** Takes what the stand-ins wrote down away, so that only what follows is told. */
  async forgetCalls(): Promise<void> {
    for (const name of ['systemctl', 'trust', 'rsyslogd', 'puppet'])
      await rm(join(this.root, `var/log/${name}-calls.jsonl`), { force: true })
  }

  /** How a stand-in was called, in order. */
  async callsOf(name: string): Promise<readonly string[]> {
    const text = await this.text(`var/log/${name}-calls.jsonl`).catch(() => '')
    const lines = text.split('\n').filter(Boolean)
    return lines.map(line => (JSON.parse(line) as string[]).join(' '))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await this.#ended
    await this.stage[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true })
  }

  async #prepare(): Promise<void> {
    const { root } = this
    await cp(join(standIns, 'systemctl.py'), join(root, 'usr/bin/systemctl'))
    await chmod(join(root, 'usr/bin/systemctl'), 0o755)
    await symlink('systemctl', join(root, 'usr/bin/hostnamectl'))
    // By this alone whoever asks knows that systemd runs.
    await mkdir(join(root, 'run/systemd/system'), { recursive: true })
    await mkdir(join(root, 'usr/lib/systemd/system'), { recursive: true })
    await writeFile(join(root, 'usr/lib/systemd/system/sshd.service'), '[Unit]\n')
    await run('chroot', [root, 'groupadd', 'wheel'])
    // A small system has no sudo, until its package brings it.
    await run('chroot', [root, 'sh', '-euc', 'mv /usr/sbin/visudo /usr/lib/visudo && rm -r /etc/sudoers.d'])
    await publishRpms(this.stage.guest(host), await packagesOf(this.distribution))
    await run('chroot', [root, ...this.distribution.install, 'ca-certificates'])
  }
}

/** With the names, files and services that the family's own have; their daemons do nothing, and say that they were asked. */
async function packagesOf({ trust, rsyslog }: Distribution): Promise<Rpm[]> {
  return [
    { name: 'virtbridge-agent', version: '1.0' },
    {
      name: 'ca-certificates',
      version: '2.62',
      files: { [trust.program]: said('trust'), [`${trust.folder}/.keep`]: '' },
    },
    {
      name: 'chrony',
      version: '4.6',
      files: { 'etc/chrony.conf': 'pool 2.pool.ntp.org\n', 'usr/sbin/chronyd': said('chronyd'), ...unit('chronyd') },
    },
    {
      name: 'rsyslog',
      version: '8.2102',
      files: {
        'etc/rsyslog.conf': '$IncludeConfig /etc/rsyslog.d/*.conf\n',
        'etc/rsyslog.d/remote.conf': '# nothing\n',
        'usr/sbin/rsyslogd': said('rsyslogd'),
        ...unit('rsyslog'),
      },
    },
    { name: rsyslog.tls, version: '8.2102' },
    {
      name: 'net-snmp',
      version: '5.9',
      files: {
        'etc/snmp/snmpd.conf': 'rocommunity public\n',
        'usr/sbin/snmpd': said('snmpd'),
        'var/lib/net-snmp/.keep': '',
        ...unit('snmpd'),
      },
    },
    {
      name: 'sudo',
      version: '1.9',
      files: { 'usr/sbin/visudo': '#!/bin/sh\nexec /usr/lib/visudo "$@"\n', 'etc/sudoers.d/.keep': '' },
    },
    { name: 'zabbix-agent2', version: '7.0', files: unit('zabbix-agent2') },
    {
      name: 'puppet-agent',
      version: '8.10',
      files: {
        'opt/puppetlabs/bin/puppet': await readFile(join(standIns, 'puppet.py'), 'utf8'),
        'etc/puppetlabs/puppet/puppet.conf': '# nothing\n',
        ...unit('puppet'),
      },
    },
  ]
}

function unit(name: string): Record<string, string> {
  return { [`usr/lib/systemd/system/${name}.service`]: '[Unit]\n' }
}

/** A program that writes down how it was called. */
function said(name: string): string {
  return `#!/bin/sh\nprintf '["%s"]\\n' "$*" >> /var/log/${name}-calls.jsonl\n`
}
