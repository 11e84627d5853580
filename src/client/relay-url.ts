/** Describes why a value is not the URL of a relay's mount point. */
export function describeRelayProblem(relay: unknown): string {
  if (relay === undefined || relay === null || relay === '')
    return 'is required, as the URL of the relay, such as https://example.com/relay';
  if (typeof relay !== 'string') return 'must be a text; of a URL object pass the href';
  if (!/^https?:\/\//i.test(relay)) return 'must be a URL that begins with https://';
  if (/\s/.test(relay)) return 'must not contain white space';
  if (/^\w+:\/\/[^/?#]*@/.test(relay)) return 'must not contain credentials; use the option headers';
  if (/[?#]/.test(relay)) return 'must not have a query or a fragment';
  if (isBelowMount(relay)) return 'must be the URL of the mount point, without /v1 and /m';
  return 'must be https (http on loopback names), with a path of letters, digits and -._~';
}

/** True for the URL of an endpoint, which begins with the URL of the relay. */
export function isBelowMount(relay: string): boolean {
  return /^\w+:\/\/[^/]+(\/.*)?\/(v\d+|(v\d+\/)?m|v\d+\/m\/[^/]*)\/*$/i.test(relay);
}
