import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { storeFromUrl } from '../../adapters/store/from-url.js';
import { isLoopbackName } from '../protocol/loopback.js';
import { createRelay } from '../relay/create-relay.js';
import type { RelayEvent } from '../relay/events.js';
import { stopServer } from '../relay/stop-server.js';
import type { MailboxStore } from '../relay/store/contract.js';
import { labelSystemErrors } from './errors.js';
import { createEventLog } from './reporter.js';
import { toPrintableJson } from './text.js';

export interface ServeOptions {
  readonly host: string;
  /** 0 to 65535 as text; 0 picks a free port. */
  readonly port: string;
  readonly publicUrl: string | undefined;
  /** The path of requests that arrive, if a proxy changes it. */
  readonly mountPath: string | undefined;
  /** URL of the store. */
  readonly store: string;
  /** Server keys as base64url, separated by commas, the current key first. */
  readonly keys: string | undefined;
  readonly trustProxy: boolean;
}

/** Timeouts of connections in ms. */
export interface ServerTimeouts {
  /** From the first byte of a request, or from the start of the connection. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** Interval of the check of the two timeouts above, which therefore act later by up to this time. */
  readonly checkMs: number;
  /** Without a byte in either direction during a request; longer than the relay holds a read. */
  readonly silenceMs: number;
  /** Between two requests. */
  readonly idleMs: number;
}

/** The default of `longPoll.maximumSeconds`, in ms. */
export const MAXIMUM_WAIT_MS = 50_000;

/** The defaults of node:http are 60 s and 300 s, checked every 30 s; requests have a few kilobytes. */
export const SERVER_TIMEOUTS: ServerTimeouts = {
  headersMs: 15_000,
  requestMs: 30_000,
  checkMs: 1000,
  silenceMs: MAXIMUM_WAIT_MS + 25_000,
  idleMs: 65_000,
};

/** Creates a server that closes the connection of a slow client. */
export function createHttpServer(timeouts: ServerTimeouts = SERVER_TIMEOUTS): Server {
  const server = createServer({
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    connectionsCheckingInterval: timeouts.checkMs,
    keepAliveTimeout: timeouts.idleMs,
  });
  server.timeout = timeouts.silenceMs;
  return server;
}

/** Runs a relay until SIGTERM or SIGINT, and resolves to the exit code. Throws a TypeError for an invalid option. */
export async function serve(options: ServeOptions): Promise<number> {
  const { publicUrl, mountPath, trustProxy } = options;
  if (!/^\d{1,5}$/.test(options.port) || Number(options.port) > 65_535) {
    throw new TypeError('--port: must be 0 to 65535');
  }
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  if (publicUrl === undefined && !isLoopbackName(host)) {
    throw new TypeError('--public-url: is required if --host is not loopback; give the https URL that devices call');
  }
  const store = storeFromUrl(options.store);
  const keys = parseServerKeys(options.keys, store);
  const server = createHttpServer();
  server.listen(Number(options.port), options.host);
  await labelSystemErrors('--host and --port', once(server, 'listening'));
  const listening = `http://${host}:${(server.address() as AddressInfo).port}`;
  const url = publicUrl ?? listening;
  // The relay continues after the reader of the first line has closed standard output.
  process.stdout.on('error', () => {});
  const log = createEventLog(process.stderr);
  try {
    const relay = createRelay({
      publicUrl: url,
      ...(mountPath === undefined ? {} : { mountPath }),
      store,
      ...(keys === undefined ? {} : { keys }),
      trustProxy,
      onEvent: (event) => log(nameCommandOptions(event)),
    });
    server.on('request', relay.node());
    // Before the first line: its reader may send a signal at once.
    const stopped = Promise.race(['SIGTERM', 'SIGINT'].map((signal) => once(process, signal)));
    process.stdout.write(`${toPrintableJson({ url, listening })}\n`);
    await stopped;
    await stopServer(server, relay);
    await store.close();
    return 0;
  } finally {
    server.close();
  }
}

/** The message of a warning names options of the library, some of which the command does not have. */
const WARNINGS: Readonly<Record<string, (message: string) => string>> = {
  relay_open: () =>
    'Anyone who can reach this relay may create mailboxes. The command cannot check who creates them: let a proxy in ' +
    'front of the relay check POST requests to /v1/m, or use createRelay of the package with its option authenticate.',
  mount_path: (message) => message.replaceAll('mountPath', '--mount-path').replaceAll('publicUrl', '--public-url'),
};

function nameCommandOptions(event: RelayEvent): RelayEvent {
  const rename = event.type === 'relay.warned' ? WARNINGS[event.warning] : undefined;
  return rename !== undefined && 'message' in event ? { ...event, message: rename(event.message) } : event;
}

/** A store outside of this process requires keys. */
function parseServerKeys(keys: string | undefined, store: MailboxStore): readonly string[] | undefined {
  const list = (keys ?? '').split(',').map((key) => key.trim());
  const present = list.filter((key) => key !== '');
  if (present.length > 0) return present;
  if (store.capabilities.storesObjects === true) return undefined;
  throw new TypeError('RELAY_KEYS: this store needs server keys; `credential-relay keygen` prints one');
}
