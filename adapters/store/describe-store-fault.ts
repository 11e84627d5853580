const STORES =
  'storeFromUrl(url), postgresStore(pool), redisStore(client), sqliteStore(path), a Keyv, a Keyv adapter or a Map';

/** Objects of other packages that a store takes, by members that only they have, and the form to write. */
const FOREIGN: ReadonlyArray<readonly [members: readonly string[], message: string]> = [
  [['query', 'connect', 'totalCount'], 'is a Pool of pg: pass postgresStore(pool)'],
  [['query', 'connect', 'connectionParameters'], 'is a Client of pg: pass postgresStore(pool) with a Pool'],
  [
    ['defineCommand', 'duplicate', 'status'],
    'is a client of ioredis: pass redisStore(client) with a client of the package redis, or storeFromUrl(url)',
  ],
  [['sendCommand', 'duplicate', 'connect'], 'is a client of redis: pass redisStore(client)'],
  [['sendCommand', 'getMasters'], 'is a cluster client of redis: pass redisStore(cluster)'],
  [['prepare', 'exec', 'close'], 'is a database of SQLite: pass sqliteStore(path)'],
];

const STORE_METHODS = ['get', 'create', 'replace', 'ping', 'close'];

/** The mistake in a value in place of a store; `undefined` for an object that may be a store. Never repeats the value. */
export function describeStoreFault(value: unknown): string | undefined {
  if (typeof value === 'string' || value instanceof URL) {
    if (value === '') return 'is empty: is the environment variable set?';
    return 'must be a store, not a URL: pass storeFromUrl(url)';
  }
  if (typeof value === 'function') return 'is a function: call it, such as memoryStore()';
  if (typeof value !== 'object' || value === null) return `must be a store: ${STORES}`;
  if (isMethod(value, 'then')) return 'is a promise: await it first';
  if ('capabilities' in value) {
    const missing = STORE_METHODS.find((name) => !isMethod(value, name));
    return missing === undefined ? undefined : `has no method ${missing}, which a MailboxStore must have`;
  }
  const foreign = FOREIGN.find(([members]) => members.every((name) => name in value));
  if (foreign !== undefined && !isKeyvLike(value)) return foreign[1];
  if (Object.getPrototypeOf(value) === Object.prototype && !isKeyvLike(value)) {
    const isConnection = ['url', 'uri', 'host', 'connectionString', 'store'].some((name) => name in value);
    return isConnection ? `must be a store, not its options: pass ${STORES}` : `must be a store: ${STORES}`;
  }
  return undefined;
}

/** For an object that no function of this package takes. */
export const UNKNOWN_STORE = `must be a store: ${STORES}`;

/** A Keyv or a Keyv storage adapter. */
function isKeyvLike(value: object): boolean {
  return 'opts' in value && (isMethod(value, 'set') || 'store' in value);
}

function isMethod(value: object, name: string): boolean {
  return typeof Reflect.get(value, name) === 'function';
}
