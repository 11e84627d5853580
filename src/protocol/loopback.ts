const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** True if a `URL.hostname` denotes this machine (RFC 6761 §6.3). */
export function isLoopbackName(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}
