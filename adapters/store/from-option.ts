import { Keyv, type KeyvStoreAdapter } from 'keyv';
import type { MailboxStore } from '../../src/relay/store/contract.js';
import { describeStoreFault, UNKNOWN_STORE } from './describe-store-fault.js';
import { memoryStore } from './memory/index.js';
import { isKeyvPostgres, postgresStore } from './postgres/index.js';
import { isKeyvRedis, isKeyvValkey, isOutdatedKeyvRedis, type KeyvRedisAdapter, redisStore } from './redis/index.js';
import { isKeyvSqlite, sqliteStore } from './sqlite/index.js';

/**
 * The option `store` of `createRelay`: a mailbox store, a Keyv, a Map, or a Keyv storage adapter (`new KeyvRedis(url)`,
 * `new KeyvPostgres(…)`, `new KeyvSqlite(…)`), of which the relay uses the configuration.
 */
export type StoreOption = MailboxStore | Keyv | KeyvStoreAdapter | Map<string, unknown>;

/**
 * Resolves the option `store`. Default: a store in memory.
 *
 * @throws TypeError for any other value, or for a Keyv adapter without atomic changes
 */
export function storeFromOption(option: StoreOption | undefined, clock: () => number): MailboxStore {
  if (option === undefined) return memoryStore(new Keyv(), { clock });
  if (isMailboxStore(option)) return option;
  const adapter: object = isKeyv(option) ? option.store : option;
  if (adapter instanceof Map) return memoryStore(adapter, { clock });
  if (isKeyvRedis(adapter) || isKeyvValkey(adapter)) return redisStore(adapter);
  // redisStore tells that this KeyvRedis is too old: no advice about a single process may follow.
  if (isOutdatedKeyvRedis(adapter)) return redisStore(adapter as KeyvRedisAdapter);
  if (isKeyvPostgres(adapter)) return postgresStore(adapter);
  if (isKeyvSqlite(adapter)) return sqliteStore(adapter);
  if (isKeyv(option) || ('opts' in option && 'set' in option)) {
    throw new TypeError(
      'store: this Keyv adapter has no atomic change, so two receivers could be bound at once; ' +
        "if one process alone uses it, pass keyvStore(new Keyv({ store }), { atomicity: 'single-process' })",
    );
  }
  throw new TypeError(`store: ${describeStoreFault(option) ?? UNKNOWN_STORE}`);
}

function isKeyv(value: object): value is Keyv {
  return value instanceof Keyv || ('opts' in value && 'store' in value && 'serialize' in value);
}

function isMailboxStore(value: object): value is MailboxStore {
  return (
    'capabilities' in value &&
    ['get', 'create', 'replace', 'ping', 'close'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}
