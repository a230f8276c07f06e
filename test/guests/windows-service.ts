import { chmod, cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAuthority } from '../servers/authority.ts'
import type { PythonEnvironment } from '../servers/python-environment.ts'
import type { Beside, Guest } from './guest-network.ts'
import type { Stage } from './stage.ts'

const standIns = join(import.meta.dirname, 'stand-ins')

/** Who may log in to a Windows that is played. */
export const ADMINISTRATOR = { user: 'Administrator', password: 'a very long pass phrase' } as const

/** A shell that somebody opened on a Windows that is played: by which plugin, logged in how, encrypted by the login itself, under which name. */
export interface Opened {
  readonly shell: string
  readonly by: string
  readonly encrypted: boolean
  readonly to: string
}

/** Makes a guest a Windows: a program that plays its PowerShell, for whoever gets in. */
export async function playPowerShell({ root }: Pick<Guest, 'root'>): Promise<void> {
  await cp(join(standIns, 'powershell.py'), join(root, 'usr/local/bin/PowerShell'))
  await chmod(join(root, 'usr/local/bin/PowerShell'), 0o755)
}

/** A WinRM service beside a guest, by HTTP and by HTTPS with a certificate of an authority in `folder`, for the guest's address or for these names. */
export function winrm({ bin }: PythonEnvironment, folder: string, names?: readonly string[]): Beside {
  return async guest => {
    await playPowerShell(guest)
    const authority = createAuthority('virtbridge test')
    const { key, certificate } = authority.issue('windows', names ?? [guest.address])
    const path = (name: string): string => join(folder, `${guest.address}-${name}`)
    await writeFile(path('ca.pem'), authority.certificate)
    await writeFile(path('key.pem'), key)
    await writeFile(path('certificate.pem'), certificate)
    const how = { address: guest.address, root: guest.root, key: path('key.pem'), certificate: path('certificate.pem') }
    await writeFile(path('winrm.json'), JSON.stringify({ ...how, ...ADMINISTRATOR }))
    return [join(bin, 'python'), join(standIns, 'winrm.py'), path('winrm.json')]
  }
}

/** The certificate of the authority of a guest's service. */
export function authorityOf(folder: string, { address }: Guest): string {
  return join(folder, `${address}-ca.pem`)
}

/** Waits until the service of a guest takes connections; a minute at most. */
export async function answersByWinrm({ network }: Stage, { address }: Guest): Promise<void> {
  const deadline = performance.now() + 60_000
  const knock = ['-c', `exec 3<>/dev/tcp/${address}/5986`]
  while ((await network.run('bash', knock)).status !== 0) {
    if (performance.now() > deadline) throw new Error(`no WinRM at ${address}`)
    await sleep(100)
  }
}

/** The shells that were opened on a guest. */
export async function openedOn({ root }: Guest): Promise<readonly Opened[]> {
  const text = await readFile(join(root, 'var/log/winrm-calls.jsonl'), 'utf8').catch(() => '')
  const calls = text.split('\n').filter(Boolean)
  return calls.map(line => JSON.parse(line) as Opened).filter(call => 'shell' in call)
}
