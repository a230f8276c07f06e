import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, runToEnd } from '../servers/run.ts'
import type { Guest } from './guest-network.ts'

const repository = 'srv/rpms'

/** A package of ours: what else is in it and in its repository. */
export interface Rpm {
  readonly name: string
  readonly version: string
  /** File of the package → its text; those of `etc/init.d` and of folders for programs are programs. */
  readonly files?: Readonly<Record<string, string>>
  /** Another package without which it can not be installed. */
  readonly requires?: string
  /** A script that runs in the guest when it is installed. */
  readonly postinst?: string
  /** The advisory by which it closes a hole. */
  readonly advisory?: string
}

/** Makes packages with the guest's own rpmbuild, puts them into a repository of files inside it, and tells its package manager of that. */
export async function publishRpms(guest: Guest, rpms: readonly Rpm[]): Promise<void> {
  await mkdir(join(guest.root, repository), { recursive: true })
  for (const rpm of rpms) await build(guest, rpm)
  await index(guest, rpms)
  const folder = await readdir(join(guest.root, 'etc/zypp/repos.d')).then(
    () => 'etc/zypp/repos.d',
    () => 'etc/yum.repos.d',
  )
  const ours = `[ours]\nname=ours\nbaseurl=file:///${repository}\nenabled=1\ngpgcheck=0\nautorefresh=1\nmetadata_expire=0\n`
  await writeFile(join(guest.root, folder, 'ours.repo'), ours)
}

/** The version of a package by the guest's rpm; empty when it is not installed. */
export async function rpmVersionOf(guest: Guest, name: string): Promise<string> {
  const query = ['rpm', '--query', '--queryformat', '%{VERSION}', name]
  const { status, stdout } = await runToEnd('chroot', [guest.root, ...query])
  return status === 0 ? stdout : ''
}

async function build(guest: Guest, { name, version, files = {}, requires = '', postinst = '' }: Rpm): Promise<void> {
  const all = { [`usr/share/${name}/version`]: `${version}\n`, ...files }
  const source = `srv/source/${name}`
  for (const [path, text] of Object.entries(all)) {
    await mkdir(join(guest.root, source, path, '..'), { recursive: true })
    await writeFile(join(guest.root, source, path), text, {
      mode: /^etc.init.d.|(^|\/)s?bin\//.test(path) ? 0o755 : 0o644,
    })
  }
  const fields = { Name: name, Version: version, Release: '1', Summary: 'made by a test', License: 'none' }
  // No other package of the guest says that it has a shell, which scripts ask for.
  const spec = [
    ...Object.entries(fields).map(([key, value]) => `${key}: ${value}`),
    ...(requires === '' ? [] : [`Requires: ${requires}`]),
    'BuildArch: noarch\nAutoReqProv: no\nProvides: /bin/sh\n%description\nmade by a test\n%install',
    `mkdir -p %{buildroot} && cp -a /${source}/. %{buildroot}/`,
    ...(postinst === '' ? [] : [`%post\n${postinst}`]),
    '%files',
    ...Object.keys(all).map(
      path => (path.startsWith('etc/') && !path.includes('init.d') ? '%config ' : '') + `/${path}`,
    ),
  ]
  await writeFile(join(guest.root, 'srv/package.spec'), `${spec.join('\n')}\n`)
  const flags = [
    '-bb',
    '--quiet',
    '--define',
    `_rpmdir /${repository}`,
    '--define',
    '_rpmfilename %%{NAME}-%%{VERSION}.rpm',
  ]
  await run('chroot', [guest.root, 'rpmbuild', ...flags, '/srv/package.spec'])
}

async function index(guest: Guest, rpms: readonly Rpm[]): Promise<void> {
  await run('chroot', [guest.root, 'createrepo_c', '--quiet', '--update', `/${repository}`])
  const updates = rpms.filter(({ advisory }) => advisory !== undefined).map(advisoryOf)
  if (updates.length === 0) return
  const file = join(guest.root, 'srv/updateinfo.xml')
  await writeFile(file, `<?xml version="1.0" encoding="UTF-8"?>\n<updates>\n${updates.join('')}</updates>\n`)
  await run('chroot', [guest.root, 'modifyrepo_c', '/srv/updateinfo.xml', `/${repository}/repodata`])
}

function advisoryOf({ name, version, advisory = '' }: Rpm): string {
  const built = `name="${name}" version="${version}" release="1" epoch="0" arch="noarch" src="${name}-${version}-1.src.rpm"`
  return [
    `<update from="a@example.com" status="final" type="security" version="1"><id>${advisory}</id><title>${advisory}</title>`,
    '<issued date="2026-11-01 00:00:00"/><severity>Important</severity><description>a hole</description>',
    `<pkglist><collection short="ours"><name>ours</name><package ${built}><filename>${name}-${version}.rpm</filename></package>`,
    '</collection></pkglist></update>\n',
  ].join('')
}
