import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Azure's metadata service has a public address; that of every other cloud is link-local, private or a carrier's. */
const METADATA_ADDRESSES = ['168.63.129.16']

/** The only part of IPv6 that is given out as public; what lies outside it is local, reserved or a way into IPv4. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')

/** Why nothing was sent: the receiver's address is not one that a stranger may have us call. */
export class ForbiddenAddress extends Error {
  constructor(host: string) {
    super(`${host} is not an address on the public internet.`)
    this.name = 'ForbiddenAddress'
  }
}

/** Whether an address belongs to the public internet, and so to somebody else than the operator. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  // An IPv4 address that is wrapped in an IPv6 one is where the packets go.
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast' || METADATA_ADDRESSES.includes(parsed.toString())) return false
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST)
}

/** @throws ForbiddenAddress where the host of an URL is itself an address that is not public */
export function refuseForbiddenHost(hostname: string): void {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new ForbiddenAddress(host)
}

/**
 * Resolves names for a socket that is about to connect, and refuses a name with any address that is not public. As the
 * socket connects to what this has looked at, a name that changes its address in between gains nothing.
 *
 * @param resolve what asks the name servers
 */
export function publicLookup(resolve: LookupFunction = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, [])
      const addresses = typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found
      if (addresses.length === 0 || !addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(new ForbiddenAddress(hostname), [])
      }
      if (options.all === true) return callback(null, addresses)
      return callback(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}
