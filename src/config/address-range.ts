import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * True for a range of addresses that is what it looks like, as 10.20.0.0/16 or fd00:20::/64. Shorter forms are not: 10.20/16 would be
 * 10.0.0.20/16, and 192.168.010.0 is 192.168.8.0. Nor is one with a zone, or one that stands for IPv4: no address that we compare it with is so written.
 */
export function isAddressRange(text: string): boolean {
  if (!ipaddr.isValidCIDR(text)) return false
  const [address = ''] = text.split('/', 1)
  if (isIPv4(address)) return true
  return isIPv6(address) && !address.includes('%') && !ipaddr.IPv6.parse(address).isIPv4MappedAddress()
}
