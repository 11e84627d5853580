import { keyvStore } from 'credential-relay';
import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';

/** An adapter over a Map whose next write hangs until the test releases it. */
function hangingAdapter() {
  const entries = new Map<string, unknown>();
  let hang = false;
  let letGo = (): void => {};
  const adapter = {
    opts: {},
    get: async (key: string) => entries.get(key),
    async set(key: string, value: unknown) {
      if (hang) {
        hang = false;
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
      }
      entries.set(key, value);
    },
    delete: async (key: string) => entries.delete(key),
    clear: async () => entries.clear(),
    on: () => adapter,
  };
  return { adapter, hangNextWrite: () => (hang = true), letGo: () => letGo() };
}

const value = (letter: string) => `${letter.repeat(16)}.rest`;
const soon = () => Date.now() + 60_000;

describe('keyvStore on an adapter that hangs', () => {
  it('times the call out, refuses the key until the lost write has settled, and then continues', async () => {
    const { adapter, hangNextWrite, letGo } = hangingAdapter();
    const store = keyvStore(new Keyv({ store: adapter }), { atomicity: 'single-process' });
    expect(await store.create('k', value('a'), soon())).toBe(true);
    hangNextWrite();
    await expect(store.replace('k', 'a'.repeat(16), value('b'))).rejects.toMatchObject({ code: 'store_timeout' });
    // The lost write could undo a write now, so the store refuses the new write.
    await expect(store.replace('k', 'a'.repeat(16), value('c'))).rejects.toThrow(/has not settled/);
    expect(await store.create('other', value('a'), soon())).toBe(true);
    letGo();
    await expect.poll(async () => (await store.get('k'))?.revision).toBe('b'.repeat(16));
    expect(await store.replace('k', 'b'.repeat(16), value('d'))).toBe('ok');
  });
});
