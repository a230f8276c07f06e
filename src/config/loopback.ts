import { isIPv4 } from 'node:net'

/** True for a host, as it stands in a URL, that is this machine itself: what is sent to it never crosses a network. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))
}
