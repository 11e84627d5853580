/** Values come back unchanged, and keys are independent. */
import assert from 'node:assert/strict';
import type { MailboxStore } from '../../relay/store/contract.js';
import type { StoreTest } from './harness.js';
import { farDeadline, newKey, newRevision, newValue, upTo } from './values.js';

const KIB = 1024;
const SIZES = [16, 17, 18, 255, 256, 257, 2000, 8 * KIB - 1, 8 * KIB, 64 * KIB, 64 * KIB + 1, 128 * KIB];
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-';
const KEY_CHARACTERS = 128;

const TEXTS: Readonly<Record<string, string>> = {
  'every control character but NUL': String.fromCharCode(...upTo(160).slice(1)),
  'line ends and blanks at the end': '\r\n\n\r\t line  \n ',
  'quotes, escapes and placeholders': `' '' " \\ \\' \\x41 \\u0041 \` $1 $$ ? ?1 :name %s %00 {} {{}} ; -- /* */ null`,
  JSON: '{"value":{"r":1},"expires":0,"__proto__":null}',
  'composed and decomposed accents': 'é e\u0301 Å A\u030A \u212B ﬁ ß ẞ ı İ',
  'right to left, joined and zero width': 'שלום \u202Eمرحبا\u202C \u200B\u200D\u2060\uFEFF',
  'the edges of the planes': '\u0080\u07FF\u0800\uD7FF\uE000\uFFFD\uFFFE\uFFFF\u{10000}\u{1FFFF}\u{10FFFF}',
  'astral characters': '😀👩‍👩‍👧‍👦𝔘𠜎'.repeat(50),
};

async function returns(store: MailboxStore, value: string, what: string): Promise<void> {
  const key = newKey();
  assert.equal(await store.create(key, value, farDeadline()), true, what);
  const created = (await store.get(key))?.value;
  assert.ok(created === value, `${what}: create has changed the value`);
  const next = `${newRevision()}${value.slice(16)}`;
  assert.equal(await store.replace(key, value.slice(0, 16), next), 'ok', what);
  const replaced = (await store.get(key))?.value;
  assert.ok(replaced === next, `${what}: replace has changed the value`);
}

export function textTests(test: StoreTest): void {
  test('values: of 16 characters to 128 KiB come back as they were put', async (harness) => {
    const store = await harness.open();
    for (const size of SIZES) {
      await returns(
        store,
        newValue('0123456789abcdefghijklmnopqrstu'.repeat(size / 31 + 1)).slice(0, size),
        `${size} characters`,
      );
    }
  });

  test('values: text of all of Unicode but NUL comes back as it was put', async (harness) => {
    const store = await harness.open();
    for (const [what, text] of Object.entries(TEXTS)) await returns(store, newValue(text), what);
  });

  test('values: 128 KiB of UTF-8 of three and four bytes a character come back as they were put', async (harness) => {
    const store = await harness.open();
    for (const character of ['€', '😀']) {
      const count = (128 * KIB) / Buffer.byteLength(character) - 17;
      await returns(store, newValue(character.repeat(count)), `${Math.floor(count)} of ${character}`);
    }
  });

  test('values: revisions that look like numbers, options or patterns are text', async (harness) => {
    const store = await harness.open();
    const odd = ['0000000000000000', '0000000000000001', '9007199254740993', '1e10000000000000', '----------------'];
    for (const revision of [...odd, '0x00000000000000', '________________', 'NULLNULLNULLNULL']) {
      const key = newKey();
      await store.create(key, revision, farDeadline());
      assert.equal((await store.get(key))?.value, revision);
      assert.equal(await store.replace(key, revision, newValue()), 'ok', revision);
    }
  });

  test('values: an object comes back as it was given if the store stores objects', async (harness) => {
    const store = await harness.open();
    if (store.capabilities.storesObjects !== true) return;
    const [key, first, second] = [newKey(), { revision: newRevision(), map: new Map() }, { revision: newRevision() }];
    assert.equal(await store.create(key, first, farDeadline()), true);
    assert.ok((await store.get(key))?.value === first, 'the same object');
    assert.equal(await store.replace(key, newRevision(), second), 'conflict');
    assert.equal(await store.replace(key, first.revision, second), 'ok');
    assert.ok((await store.get(key))?.value === second, 'the same object');
  });

  test('keys: every allowed character, and 128 of them', async (harness) => {
    const store = await harness.open();
    const fill = KEY_CHARACTERS - ALPHABET.length;
    const long = `${ALPHABET}${newRevision().repeat(fill)}`.slice(0, KEY_CHARACTERS);
    const keys = [long, `${long.slice(0, -1)}${long.endsWith('x') ? 'y' : 'x'}`, newRevision()];
    for (const edge of ['-', '_', ':', '::', '0']) keys.push(`${edge}${newRevision()}${edge}`);
    await eachItsOwn(store, keys);
  });

  test('keys: two that differ in case only are two', async (harness) => {
    const key = `${newKey()}:abc`;
    await eachItsOwn(await harness.open(), [key, key.toUpperCase(), `${key.slice(0, -1)}C`]);
  });

  test('keys: one that begins, ends or extends another is not that other', async (harness) => {
    const key = newKey();
    const longer = ['a', ':', '_', '-', '::'].flatMap((part) => [`${part}${key}`, `${key}${part}`]);
    const parts = [key, key.slice(0, -1), key.slice(1), key.replaceAll('-', '_'), key.replaceAll('-', ':')];
    await eachItsOwn(await harness.open(), [...parts, ...longer]);
  });
}

/** Each key has its own entry, and a write to one changes no other. */
async function eachItsOwn(store: MailboxStore, keys: readonly string[]): Promise<void> {
  const values = new Map(keys.map((key) => [key, newValue(key)]));
  assert.equal(values.size, keys.length, 'the keys of this test are distinct');
  for (const [key, value] of values) {
    assert.equal(await store.create(key, value, farDeadline()), true, `something is under ${key} already`);
  }
  for (const [key, value] of values) {
    assert.equal((await store.get(key))?.value, value, key);
    const next = newValue(key);
    assert.equal(await store.replace(key, value.slice(0, 16), next), 'ok', key);
    values.set(key, next);
  }
  for (const [key, value] of values) assert.equal((await store.get(key))?.value, value, key);
}
