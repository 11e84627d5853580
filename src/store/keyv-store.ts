import { Keyv } from 'keyv';
import { memoryStore } from '../../adapters/store/memory.js';
import type { MailboxStore } from './contract.js';

/** What `createRelay({ store })` takes: a store of the contract, or what a Keyv user has in hand. */
export type StoreOption = MailboxStore | Keyv | Map<string, unknown>;

/** The store for an option value; without one, memory. Throws a TypeError that names the option. */
export function storeFromOption(option: StoreOption | undefined, clock: () => number): MailboxStore {
  if (option === undefined) return memoryStore(new Keyv(), { clock });
  if (option instanceof Map) return memoryStore(option, { clock });
  if (isMailboxStore(option)) return option;
  if (isKeyv(option)) {
    if (option.store instanceof Map) return memoryStore(option, { clock });
    throw new TypeError('store: this Keyv adapter has no atomic replace, so two receivers could be bound at once');
  }
  throw new TypeError('store: must be a Keyv, a Map or a MailboxStore');
}

function isKeyv(value: object): value is Keyv {
  return value instanceof Keyv || ('opts' in value && 'store' in value && 'iterator' in value);
}

function isMailboxStore(value: object): value is MailboxStore {
  return (
    'capabilities' in value &&
    ['get', 'create', 'replace', 'ping', 'close'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}
