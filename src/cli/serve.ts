import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { storeFromUrl } from '../../adapters/store/from-url.js';
import { isLoopbackName } from '../protocol/loopback.js';
import { createRelay } from '../relay/create-relay.js';
import { stopServer } from '../relay/stop-server.js';
import type { MailboxStore } from '../relay/store/contract.js';
import { naming } from './errors.js';
import { createEventLog } from './event-log.js';
import { createHttpServer } from './http-server.js';
import { printableJson } from './printable.js';

/** What `serve` was called with. */
export interface ServeOptions {
  readonly host: string;
  /** 0 to 65535 as text; 0 picks a free port. */
  readonly port: string;
  readonly publicUrl: string | undefined;
  /** The path under which requests arrive, where a proxy changes it. */
  readonly mountPath: string | undefined;
  /** URL of the store. */
  readonly store: string;
  /** Server keys as base64url, separated by commas, the current one first. */
  readonly keys: string | undefined;
  readonly trustProxy: boolean;
}

/**
 * A relay on node:http until SIGTERM or SIGINT. Prints one line of JSON to standard output, with `url` and what it
 * is `listening` on, then events as lines of JSON to standard error. Resolves to the exit code; throws a TypeError for options that are wrong.
 */
export async function serve(options: ServeOptions): Promise<number> {
  if (!/^\d{1,5}$/.test(options.port) || Number(options.port) > 65_535)
    throw new TypeError('--port: must be 0 to 65535');
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  if (options.publicUrl === undefined && !isLoopbackName(host)) {
    throw new TypeError('--public-url: is needed with a --host that is not loopback: https, what devices are to call');
  }
  const store = storeFromUrl(options.store);
  const keys = serverKeys(options, store);

  const server = createHttpServer();
  server.listen(Number(options.port), options.host);
  await naming('--host and --port', once(server, 'listening'));
  const { port } = server.address() as AddressInfo;
  const listening = `http://${host}:${port}`;
  const publicUrl = options.publicUrl ?? listening;
  // Whoever read the first line may be gone by now, and devices go on all the same.
  process.stdout.on('error', () => {});

  try {
    const relay = createRelay({
      publicUrl,
      ...(options.mountPath === undefined ? {} : { mountPath: options.mountPath }),
      store,
      ...(keys === undefined ? {} : { keys }),
      trustProxy: options.trustProxy,
      onEvent: createEventLog(process.stderr),
    });
    server.on('request', relay.node());
    // Listened for before anybody is told that there is something to stop.
    const told = Promise.race(['SIGTERM', 'SIGINT'].map((signal) => once(process, signal)));
    process.stdout.write(`${printableJson({ url: publicUrl, listening })}\n`);
    await told;
    await stopServer(server, relay);
    await store.close();
    return 0;
  } finally {
    server.close();
  }
}

/** The keys of RELAY_KEYS; a store outside of this process must have some. */
function serverKeys({ keys }: ServeOptions, store: MailboxStore): readonly string[] | undefined {
  const list = (keys ?? '').split(',').filter((key) => key.trim() !== '');
  if (list.length > 0) return list.map((key) => key.trim());
  if (store.capabilities.storesObjects === true) return undefined;
  throw new TypeError('RELAY_KEYS: this store needs server keys; `credential-relay keygen` prints one');
}
