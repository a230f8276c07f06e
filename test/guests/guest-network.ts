import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recipe } from '../servers/cache.ts'
import { guestRoot, type GuestRoot } from '../servers/guest-root.ts'
import { run, runToEnd, type RunOptions, type RunResult } from '../servers/run.ts'
import { ServerProcess } from '../servers/server-process.ts'

/**
 * A network namespace with nothing in it but a loopback, and Debian guests on it that answer to ssh.
 *
 * What runs in it reaches the guests and nothing else: no play that goes astray finds the machine itself, and nothing of the
 * machine's network is touched.
 */
export interface GuestNetwork extends AsyncDisposable {
  /** The private key that every guest lets in as root. */
  readonly key: string
  /** Runs a program inside. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** What a shell in the guest at that address says. */
  shell(address: string, script: string): Promise<RunResult>
  /** Starts something in a guest that goes on by itself until the guest ends, and waits until it is ready; for 5 minutes at most. */
  serve(guest: Guest, script: string, ready: () => Promise<boolean>): Promise<void>
  /** Boots a guest from a copy of the Debian root of its own, or of another root; it ends with the network, at the latest. */
  boot(uuid: string, recipe?: Recipe, beside?: Beside): Promise<Guest>
}

/** A script of the machine that starts with each boot of a guest and ends with it: what no package of Debian can play. */
export type Beside = (guest: Guest) => Promise<readonly [program: string, script: string, configuration: string]>

/** A Debian with its own files, processes, host name and sshd. */
export interface Guest {
  readonly address: string
  /** Its root folder as the machine sees it. */
  readonly root: string
}

/** Makes the namespace; needs root. */
export async function startGuestNetwork(): Promise<GuestNetwork> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'virtbridge-net-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const key = join(folder, 'key')
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])

  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  stack.defer(async () => {
    const gone = once(holder, 'exit')
    holder.stdin.end()
    await gone
  })
  await once(holder.stdout, 'data')
  const enter = [`--net=/proc/${holder.pid}/ns/net`, '--']
  let guests = 0
  const owned = stack.move()
  const network: GuestNetwork = {
    key,
    run: (program, args, options) => runToEnd('nsenter', [...enter, program, ...args], options),
    shell: (address, script) => network.run('ssh', ['-i', key, ...ANYBODY, `root@${address}`, script]),
    async serve({ address }, script, ready) {
      const { status, stderr } = await network.shell(address, script)
      if (status !== 0) throw new Error(`not started: ${stderr}`)
      const deadline = performance.now() + 300_000
      while (!(await ready())) {
        if (performance.now() > deadline) throw new Error(`not ready in time: ${script}`)
        await sleep(100)
      }
    },
    async boot(uuid, recipe, beside) {
      const address = `127.0.1.${++guests}`
      const root = owned.use(await guestRoot(recipe === undefined ? {} : { recipe }))
      await prepare(root, uuid, `${key}.pub`)
      const logFolder = await mkdtemp(join(tmpdir(), 'virtbridge-sshd-'))
      owned.defer(() => rm(logFolder, { recursive: true, force: true }))
      const also = (await beside?.({ address, root: root.path })) ?? []
      const inside = ['sh', '-c', start, String(also.length), ...also, root.path, 'sh', '-c', init, 'init', address]
      const args = ['-c', power, 'power', 'nsenter', ...enter, ...isolate, ...inside]
      owned.use(new ServerProcess({ program: 'sh', args, logFile: join(logFolder, 'log'), folder: logFolder }))
      await answers(network, address, logFolder)
      return { address, root: root.path }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
  return network
}

/** Host keys are new with each boot from a root, and nobody is asked anything. */
const ANYBODY = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes']
/** What ends is started again: a guest that shuts down to reboot comes back. */
const power = 'while :; do "$@"; sleep 0.2; done'
const isolate = ['unshare', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child']
/** Its name is how many arguments there are before those of chroot: a program beside the guest, if there is one. */
const start = '[ "$0" -eq 0 ] || { "$1" "$2" "$3" & shift "$0"; }; exec chroot "$@"'
/** Every boot has an id of its own, which is how Ansible tells that a guest was rebooted; the kernel's is that of the machine. */
const init = [
  'mount -t proc proc /proc',
  'mkdir -p /dev/pts && mount -t devpts -o ptmxmode=0666 devpts /dev/pts && ln -sf pts/ptmx /dev/ptmx',
  'rm -rf /run/*',
  'mkdir -p /run/sshd /run/lock',
  'cat /proc/sys/kernel/random/uuid > /run/boot_id',
  'mount --bind /run/boot_id /proc/sys/kernel/random/boot_id',
  'exec /usr/sbin/sshd -D -e -o "ListenAddress=$1"',
].join(' && ')
/** Init ends at once, and with it all that runs: what systemd would do in its own time. */
const shutdown = '#!/bin/sh\nexec kill -TERM 1\n'

/** SMBIOS is a file of /sys to whoever asks, and /sys is an ordinary folder here. */
async function prepare({ path }: GuestRoot, uuid: string, publicKey: string): Promise<void> {
  await mkdir(join(path, 'sys/class/dmi/id'), { recursive: true })
  await writeFile(join(path, 'sys/class/dmi/id/product_uuid'), `${uuid}\n`)
  await mkdir(join(path, 'root/.ssh'), { recursive: true, mode: 0o700 })
  await cp(publicKey, join(path, 'root/.ssh/authorized_keys'))
  await writeFile(join(path, 'sbin/shutdown'), shutdown, { mode: 0o755 })
}

async function answers(network: GuestNetwork, address: string, logFolder: string): Promise<void> {
  const deadline = performance.now() + 15_000
  for (;;) {
    const { status, stderr } = await network.shell(address, 'true')
    if (status === 0) return
    if (performance.now() < deadline) continue
    throw new Error(`no ssh to ${address}: ${stderr}${await readFile(join(logFolder, 'log'), 'utf8')}`)
  }
}
