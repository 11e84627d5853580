import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Private, loopback, link-local, shared (RFC 6598), documentation, benchmark, multicast and reserved networks, from the
 * IANA special-purpose registries (RFC 6890).
 */
const NOT_PUBLIC_IPV4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;

/** Global unicast addresses and addresses that embed an IPv4 address. All other IPv6 addresses are not public. */
const MAYBE_PUBLIC_IPV6 = [
  ['2000::', 3],
  ['64:ff9b::', 96],
  ['::ffff:0:0', 96],
] as const;

/** Networks within 2000::/3: protocol assignments (including Teredo), documentation, 6to4. */
const NOT_PUBLIC_IPV6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;

const candidates = new BlockList();
for (const [network, prefix] of MAYBE_PUBLIC_IPV6) candidates.addSubnet(network, prefix, 'ipv6');

const refused = new BlockList();
for (const [network, prefix] of NOT_PUBLIC_IPV6) refused.addSubnet(network, prefix, 'ipv6');
for (const [network, prefix] of NOT_PUBLIC_IPV4) {
  refused.addSubnet(network, prefix, 'ipv4');
  // The same networks behind NAT64 (RFC 6052) and as IPv4-mapped addresses.
  refused.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6');
  refused.addSubnet(`::ffff:${network}`, 96 + prefix, 'ipv6');
}

/** True for an IP address of the public internet. False for any other text. */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/%.*$/, '');
  if (isIP(plain) === 4) return !refused.check(plain, 'ipv4');
  return isIP(plain) === 6 && candidates.check(plain, 'ipv6') && !refused.check(plain, 'ipv6');
}

/** The error code of {@link createPublicLookup}. */
export const PRIVATE_ADDRESS = 'private_address';

/**
 * Wraps a resolver so that it fails if it finds a non-public address. As the `lookup` of a connection it checks the
 * addresses that the connection uses, which prevents DNS rebinding.
 */
export function createPublicLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address);
      if (error === null && (addresses.length === 0 || !addresses.every(isPublicAddress))) {
        callback(Object.assign(new Error('The host has a private address.'), { code: PRIVATE_ADDRESS }), '', 0);
        return;
      }
      callback(error, found, family);
    });
  };
}
