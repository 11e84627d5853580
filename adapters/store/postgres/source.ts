import { borrowConnections, type Connections } from './connections.js';
import { isPool, type PostgresPool } from './driver.js';
import { describeWrongSource, isKeyvPostgres, type KeyvPostgresLike, readKeyv } from './keyv.js';
import type { PostgresStoreOptions } from './options.js';
import { type ConnectionSettings, OwnConnections } from './own-connections.js';
import { type PostgresUrl, parsePostgresUrl } from './url.js';

/** Settings that follow from the options. */
type PoolSettings = Pick<ConnectionSettings, 'poolSize' | 'prepare'>;

/** The source of a store, with the options that the source brings. */
export interface ResolvedSource {
  /** The options of the caller, and below them those of the URL and of the KeyvPostgres. Not checked yet. */
  readonly options: PostgresStoreOptions;
  /** The table of the KeyvPostgres, which the store must not use. */
  readonly keyvTable?: string | undefined;
  /** Does not connect. */
  connect(settings: PoolSettings): Connections;
}

/** @throws TypeError that names the accepted sources, or the wrong part of a URL; never a value */
export function resolveSource(
  source: string | KeyvPostgresLike | PostgresPool,
  options: PostgresStoreOptions,
): ResolvedSource {
  if (isPool(source)) {
    if (options?.poolSize !== undefined) {
      throw new TypeError('postgresStore.poolSize: a Pool has its own size; set the option max of the Pool instead');
    }
    return { options, connect: () => borrowConnections(source) };
  }
  if (isKeyvPostgres(source)) {
    const { url, client, max, table, schema } = readKeyv(source);
    const parsed = url === undefined ? undefined : parsePostgresUrl(url);
    return {
      options: mergeOptions(options, parsed, { poolSize: max, schema }),
      keyvTable: table,
      connect: (settings) => openConnections(parsed, client, settings),
    };
  }
  if (typeof source !== 'string' || source === '') throw new TypeError(describeWrongSource(source));
  const parsed = parsePostgresUrl(source);
  return {
    options: mergeOptions(options, parsed),
    connect: (settings) => openConnections(parsed, {}, settings),
  };
}

/** Options of the caller come first, then those of the URL, then those of the KeyvPostgres. */
function mergeOptions(
  options: PostgresStoreOptions,
  url: PostgresUrl | undefined,
  keyv: { readonly poolSize?: number | undefined; readonly schema?: string | undefined } = {},
): PostgresStoreOptions {
  const { table, schema, prepare, changes, poolSize } = url ?? {};
  if (typeof options !== 'object' || options === null) return options; // Refused by the check of the options.
  const merged: Record<string, unknown> = { ...options };
  const defaults = { table, schema: schema ?? keyv.schema, prepare, changes, poolSize: poolSize ?? keyv.poolSize };
  for (const [name, value] of Object.entries(defaults)) if (value !== undefined) merged[name] ??= value;
  return merged;
}

function openConnections(
  url: PostgresUrl | undefined,
  client: Readonly<Record<string, unknown>>,
  settings: PoolSettings,
): Connections {
  const ssl = url?.tls.ssl;
  return new OwnConnections({
    ...settings,
    addresses: url?.addresses ?? [{}],
    client: { ...client, ...url?.client, ...(ssl === undefined ? {} : { ssl }) },
    connectTimeoutMs: url?.connectTimeoutMs,
    isTlsOptional: url?.tls.isOptional ?? false,
    requiresWrites: url?.acceptsReadOnly !== true,
  });
}
