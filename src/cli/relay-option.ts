import { parseBase } from '../client/links.js';
import { isLoopbackName } from '../protocol/loopback.js';

/** The URL of `--relay`. Throws a TypeError that says what to write instead, and does not repeat it. */
export function relayOf(relay: string | undefined): string {
  if (relay === undefined || relay === '') throw new TypeError('--relay: is needed, or RELAY_URL');
  const [, name] = /^(\[[\d:a-f]+\]|[\w.-]+)(:\d+)?(\/|$)/i.exec(relay) ?? [];
  if (name !== undefined) {
    throw new TypeError(`--relay: must be a URL; write ${isLoopbackName(name) ? 'http' : 'https'}:// before it`);
  }
  if (/[?#]/.test(relay)) throw new TypeError('--relay: must have no ? and no #: it is where the relay is, not a link');
  if (parseBase(relay) === undefined) {
    throw new TypeError(
      '--relay: must be an https URL (http on loopback names), with a path of letters, digits and -._~',
    );
  }
  return relay;
}
