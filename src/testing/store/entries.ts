/** Create, get and replace, one call after another. */
import assert from 'node:assert/strict';
import { REVISION_CHARACTERS } from '../../relay/store/contract.js';
import { settle } from './checked.js';
import type { StoreTest } from './harness.js';
import { farDeadline, newKey, newRevision, newValue } from './values.js';

const CALL_MS = 10_000;

export function entryTests(test: StoreTest): void {
  test('get: gives undefined for an absent key', async (harness) => {
    const store = await harness.open();
    assert.equal(await store.get(newKey()), undefined);
  });

  test('create: stores a value under an absent key; get gives the value, its revision and its deadline', async (harness) => {
    const store = await harness.open();
    const [key, value, expiresAt] = [newKey(), newValue(), farDeadline()];
    assert.equal(await store.create(key, value, expiresAt), true);
    const entry = await store.get(key);
    assert.ok(entry !== undefined, 'the stored entry is there');
    const { value: read, revision, expiresAt: deadline } = entry;
    assert.deepEqual({ read, revision, deadline }, { read: value, revision: value.slice(0, 16), deadline: expiresAt });
  });

  test('create: gives false for a live entry, whose value and deadline stay', async (harness) => {
    const store = await harness.open();
    const [key, value, expiresAt] = [newKey(), newValue(), farDeadline()];
    await store.create(key, value, expiresAt);
    for (const other of [newValue(), value]) {
      assert.equal(await store.create(key, other, expiresAt + 5000), false, 'nor for the very same value');
      const entry = await store.get(key);
      assert.equal(entry?.value, value);
      assert.equal(entry?.expiresAt, expiresAt);
    }
  });

  test('replace: gives ok for the current revision; the new value has a new one', async (harness) => {
    const store = await harness.open();
    const [key, first, second] = [newKey(), newValue('first'), newValue('second')];
    await store.create(key, first, farDeadline());
    assert.equal(await store.replace(key, first.slice(0, 16), second), 'ok');
    assert.equal((await store.get(key))?.value, second);
    assert.equal(await store.replace(key, second.slice(0, 16), first), 'ok');
    assert.equal((await store.get(key))?.value, first);
  });

  test('replace: gives conflict for an old revision, and changes nothing', async (harness) => {
    const store = await harness.open();
    const [key, first, second, expiresAt] = [newKey(), newValue(), newValue(), farDeadline()];
    await store.create(key, first, expiresAt);
    await store.replace(key, first.slice(0, 16), second);
    assert.equal(await store.replace(key, first.slice(0, 16), newValue(), expiresAt + 5000), 'conflict');
    assert.equal(await store.replace(key, newRevision(), newValue()), 'conflict');
    const entry = await store.get(key);
    assert.equal(entry?.value, second);
    assert.equal(entry?.expiresAt, expiresAt);
  });

  test('replace: gives missing for an absent key, and stores nothing', async (harness) => {
    const store = await harness.open();
    const key = newKey();
    assert.equal(await store.replace(key, newRevision(), newValue()), 'missing');
    assert.equal(await store.replace(key, newRevision(), newValue(), farDeadline()), 'missing');
    assert.equal(await store.get(key), undefined);
  });

  test('clients: every client reads and replaces at once what another wrote', async (harness) => {
    const [one, two] = await harness.clients(2);
    const [key, first, second] = [newKey(), newValue(), newValue()];
    await one.create(key, first, farDeadline());
    for (const store of [one, two]) assert.equal((await store?.get(key))?.value, first);
    assert.equal(await two?.create(key, second, farDeadline()), false);
    assert.equal(await two?.replace(key, first.slice(0, 16), second), 'ok');
    assert.equal((await one.get(key))?.value, second);
  });

  test('revision: one that differs in any one of its 16 characters is a conflict', async (harness) => {
    const store = await harness.open();
    const [key, value] = [newKey(), newValue()];
    await store.create(key, value, farDeadline());
    for (let at = 0; at < REVISION_CHARACTERS; at += 1) {
      const other = `${value.slice(0, at)}${value[at] === 'x' ? 'y' : 'x'}${value.slice(at + 1, REVISION_CHARACTERS)}`;
      assert.equal(await store.replace(key, other, newValue()), 'conflict', `character ${at + 1} differs`);
    }
    assert.equal((await store.get(key))?.value, value);
  });

  test('revision: case counts, and underscore and hyphen stand for themselves only', async (harness) => {
    const store = await harness.open();
    const [key, revision] = [newKey(), 'aB3-eF6_hI9-kL2_'];
    await store.create(key, `${revision}.rest`, farDeadline());
    const others = [
      revision.toLowerCase(),
      revision.toUpperCase(),
      '_'.repeat(16),
      '-'.repeat(16),
      `_${revision.slice(1)}`,
    ];
    for (const other of others) assert.equal(await store.replace(key, other, newValue()), 'conflict', other);
    assert.equal(await store.replace(key, revision, newValue()), 'ok');
  });

  test('revision: an empty, shortened or lengthened one never matches', async (harness) => {
    const store = await harness.open();
    const [key, value] = [newKey(), newValue()];
    await store.create(key, value, farDeadline());
    for (const other of ['', value.slice(0, 1), value.slice(0, 15), value.slice(0, 17), value]) {
      const outcome = await settle('replace', CALL_MS, () => store.replace(key, other, newValue()));
      // No revision looks like this: a store may reject the call, but must not carry it out.
      if ('answer' in outcome) assert.equal(outcome.answer, 'conflict', `a revision of ${other.length} characters`);
    }
    assert.equal((await store.get(key))?.value, value);
  });

  test('revision: compare-and-set compares the revision only, not the rest of the value', async (harness) => {
    const [one, two] = await harness.clients(2);
    const [key, revision] = [newKey(), newRevision()];
    await one.create(key, `${revision}.first`, farDeadline());
    await one.get(key);
    assert.equal(await two?.replace(key, revision, `${revision}.second, and longer`), 'ok');
    assert.equal(await one.replace(key, revision, `${revision}.third`), 'ok');
    assert.equal((await two?.get(key))?.value, `${revision}.third`);
  });
}
