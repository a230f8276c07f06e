/** Hosts of one job. */
export const MAX_HOSTS = 500
/**
 * Bytes of one limit. A controller accepts more than its own execution node can pass to ansible-playbook (131,072 bytes of one
 * argument: 201, then the job errors), and long argument lists share their room with others: half of it is safe.
 */
export const MAX_LIMIT_BYTES = 61_440

/** Letters, digits, `_`, `.` and `-`, not first `-`: nothing that the limit language reads as a pattern, a list, a range or a file. */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/
/** Groups that every inventory has, and the names Ansible makes up a host for. */
const RESERVED = new Set(['all', 'ungrouped', 'localhost', '127.0.0.1'])

/** Why these hosts can not be a limit, in one sentence; null when they can. Nothing is ever cut or quoted to make it fit. */
export function limitFault(hosts: readonly string[]): string | null {
  if (hosts.length === 0) return 'no host is named, and an empty limit means every host of the inventory'
  if (hosts.length > MAX_HOSTS)
    return `${hosts.length} hosts are too many for one job, ${MAX_HOSTS} is the most; split them`
  for (const host of hosts) {
    const fault = hostFault(host)
    if (fault !== null) return fault
  }
  const twice = hosts.find((host, index) => hosts.indexOf(host) !== index)
  if (twice !== undefined) return `host ${JSON.stringify(twice)} is named twice`
  const bytes = limitOf(hosts).length
  return bytes > MAX_LIMIT_BYTES
    ? `a limit of ${bytes} bytes is too long, ${MAX_LIMIT_BYTES} is the most; split the hosts`
    : null
}

/** Why this name can not stand in a limit; null when it can. */
export function hostFault(host: string): string | null {
  const shown = JSON.stringify(host.slice(0, 80))
  if (RESERVED.has(host.toLowerCase()))
    return `${shown} is no host of ours: Ansible gives that name a meaning of its own`
  if (PLAIN_NAME.test(host)) return null
  return `host name ${shown} would be read as a pattern; only letters, digits, ".", "_" and "-" (not first) may stand in a limit`
}

/** The limit that names exactly these hosts. */
export function limitOf(hosts: readonly string[]): string {
  return hosts.join(',')
}

/** Hosts in the order given, in as few jobs as their count and the bytes of their names allow. Each name must fit by itself. */
export function splitHosts(hosts: readonly string[]): string[][] {
  const jobs: string[][] = []
  let job: string[] = []
  let bytes = 0
  for (const host of hosts) {
    if (job.length === MAX_HOSTS || (job.length > 0 && bytes + host.length + 1 > MAX_LIMIT_BYTES)) {
      jobs.push(job)
      job = []
      bytes = 0
    }
    bytes += host.length + (job.length === 0 ? 0 : 1)
    job.push(host)
  }
  return job.length === 0 ? jobs : [...jobs, job]
}
