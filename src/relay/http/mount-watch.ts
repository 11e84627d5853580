import type { ServerResponse } from 'node:http';
import { DEVICE_CLAIM } from '../../protocol/header-names.js';
import type { Events } from '../events.js';
import { hasRelayPath, parsePath } from './path.js';

/** A device sends this header. Scanners and crawlers do not, so their requests never cause the warning. */
const CLAIM_FIELD = DEVICE_CLAIM.toLowerCase();

/** Any client can send the header, so one request must not use up the only warning of a process. */
const REPEAT_MS = 10 * 60_000;

/** Statuses of a host that has no page for the request. A host that serves the request itself knows its path. */
const NO_PAGE = /^(3\d\d|404|405)$/;

/** Requests that a relay left to the host, and that no other relay of this process has answered, by response. */
const leftToHost = new WeakSet<object>();

/** Looks for requests of devices that the relay leaves to the host, because the mount and the options disagree. */
export interface MountWatch {
  /** True for a request of a device, to a path that the relay would answer under another mount path. */
  isMisplaced(target: string, getField: (field: string) => unknown): boolean;
  /** Notes a misplaced request, and warns if `settled` is called and the host had no page for it. */
  follow(target: string, response: ServerResponse): { settled(status: number): void };
  /** Warns at once: there is no other handler. */
  warn(target: string): void;
}

/** The header in which the preflight of a browser names the headers of the request. */
const PREFLIGHT_FIELD = 'access-control-request-headers';

/** True for a request with a Device Claim, and for its preflight: without an answer no request with the claim follows. */
function isFromDevice(getField: (field: string) => unknown): boolean {
  if (getField(CLAIM_FIELD) !== undefined) return true;
  const announced = getField(PREFLIGHT_FIELD);
  return typeof announced === 'string' && announced.toLowerCase().includes(CLAIM_FIELD);
}

/** A relay answers the request. Another relay before it may have noted the request. */
export function noteAnswered(response: object): void {
  leftToHost.delete(response);
}

export interface MountWatchOptions {
  /** The path at which this server sees the relay, without a trailing slash. */
  readonly mountPath: string;
  readonly events: Events;
  readonly clock: () => number;
}

export function createMountWatch({ mountPath, events, clock }: MountWatchOptions): MountWatch {
  let warnedAt = Number.NEGATIVE_INFINITY;

  function warn(target: string): void {
    const now = clock();
    if (now - warnedAt < REPEAT_MS) return;
    warnedAt = now;
    const message = parsePath(target).includes('//') ? describeDoubledSlash(mountPath) : describeOtherPath(mountPath);
    events.emit('relay.warned', { warning: 'mount_path', message });
  }

  return {
    isMisplaced: (target, getField) => isFromDevice(getField) && hasRelayPath(parsePath(target)),
    follow(target, response) {
      leftToHost.add(response);
      return {
        settled(status) {
          if (leftToHost.delete(response) && NO_PAGE.test(String(status))) warn(target);
        },
      };
    },
    warn,
  };
}

const spell = (mountPath: string): string => (mountPath === '' ? '/' : mountPath);

function describeOtherPath(mountPath: string): string {
  return (
    'A device sent a request for a mailbox to a path outside of the relay, and the host had no page for it. ' +
    `The relay answers below ${spell(mountPath)} only, which is mountPath, or the path of publicUrl. ` +
    'Give publicUrl the path that devices use, mount prefix included. If a proxy or the host changes the path, ' +
    'set mountPath to the path that arrives: / if they strip the prefix.'
  );
}

function describeDoubledSlash(mountPath: string): string {
  return (
    'A device sent a request for a mailbox to a path with a doubled slash, and the host had no page for it. ' +
    `The relay answers below ${spell(mountPath)} only. Remove the doubled slash where it arises: ` +
    'a proxy that appends a path to a URL that ends in a slash (nginx: proxy_pass), ' +
    'or a relay URL with a final slash in the app.'
  );
}
