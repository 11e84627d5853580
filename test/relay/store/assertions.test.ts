import { assertDeadline, assertText } from 'credential-relay';
import { describe, expect, it } from 'vitest';

describe('the assertions for store adapters', () => {
  it('assertDeadline accepts safe integers only', () => {
    for (const deadline of [0, 1, Date.now(), Number.MAX_SAFE_INTEGER]) assertDeadline(deadline);
    for (const deadline of [1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1, '1' as never]) {
      expect(() => assertDeadline(deadline)).toThrow(new RangeError('A deadline is a safe integer of milliseconds.'));
    }
  });

  it('assertText accepts text only, and names the store', () => {
    assertText('text');
    const object = { revision: 'a'.repeat(16) };
    expect(() => assertText(object)).toThrow(new TypeError('This store keeps text only.'));
    expect(() => assertText(object, 'The Postgres store')).toThrow(
      new TypeError('The Postgres store keeps text only.'),
    );
  });
});
