import { memoryStore } from 'credential-relay/adapters/store/memory';
import { storeSuite } from 'credential-relay/testing';
import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';

/* The published suite on the memory store, with several stores on one Map as clients. */

describe('storeSuite, memory', () => {
  const map = new Map<string, unknown>();
  storeSuite(it, { open: async () => memoryStore(map) });
});

describe.concurrent('storeSuite, memory, on the Map of a new Keyv per test', () => {
  storeSuite(it, async () => {
    const keyv = new Keyv();
    return { open: async () => memoryStore(keyv) };
  });
});

describe('storeSuite, options', () => {
  const fixture = { open: async () => memoryStore() };
  const ping = 'ping: resolves with a clock skew that is a number and under a minute';

  it('storeSuite registers an omitted test under its reason, and does not run the test', async () => {
    const registered = new Map<string, () => Promise<void>>();
    const skip = { [ping]: 'no clock here' };
    const open = async (): Promise<never> => {
      throw new Error('opened');
    };
    storeSuite((name, run) => registered.set(name, run), { open }, { skip });
    await registered.get(`${ping} (left out: no clock here)`)?.();
    expect(registered.has(ping)).toBe(false);
    await expect(registered.get('get: gives undefined for an absent key')?.()).rejects.toThrow('opened');
  });

  it('storeSuite rejects an omission of an unknown test, or without a reason', () => {
    expect(() => storeSuite(() => {}, fixture, { skip: { nonsense: 'why' } })).toThrow(TypeError);
    expect(() => storeSuite(() => {}, fixture, { skip: { [ping]: ' ' } })).toThrow(TypeError);
  });

  it('storeSuite gives each test a unique name', () => {
    const names: string[] = [];
    storeSuite((name) => names.push(name), fixture);
    expect(new Set(names).size).toBe(names.length);
  });

  it('storeSuite fails a store that claims durability without a backend to break', async () => {
    const runs = new Map<string, () => Promise<void>>();
    const open = async () => {
      const store = memoryStore();
      return { ...store, capabilities: { ...store.capabilities, durable: true } };
    };
    storeSuite((name, run) => runs.set(name, run), { open });
    await expect(runs.get('outage: ping rejects')?.()).rejects.toThrow('breakBackend');
  });
});
