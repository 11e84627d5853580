/** examples/browser/page/words.ts: what a phone takes of the words of the other one, which may be any program. */
import { describe, expect, it } from 'vitest';
import {
  beginAsReceiver,
  beginAsSender,
  receiveMessage,
  seal,
  toMessage,
} from '../../../examples/browser/page/key-agreement.js';
import { openMessage } from '../../../examples/browser/page/message.js';

/** What the receiver understands, once the sender has sealed a value for it. */
async function heardOf(secrets: unknown) {
  const asked = await beginAsReceiver('https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002');
  const answered = await beginAsSender(asked.commitment, asked.context);
  const receiver = await receiveMessage(asked, toMessage(answered));
  const sender = await receiveMessage(answered, toMessage(receiver));
  const { content } = await openMessage(receiver, {
    from: 'sender',
    box: await seal(sender, JSON.stringify(secrets)),
  });
  return content;
}

describe('the words of the other phone', () => {
  it('are taken up to the length of a line, 200 lines and 64 characters of a serial number', async () => {
    const lines = Array.from({ length: 250 }, (_, at) => `${at}`.padEnd(300, 'x'));
    const words = await heardOf({ first: 7, lines, key: { kind: 'car', serial: 's'.repeat(64), more: 'x' } });
    expect([words.first, words.lines.length, words.lines[0]]).toEqual([57, 200, '50'.padEnd(280, 'x')]);
    expect(words.key).toEqual({ kind: 'car', serial: 's'.repeat(64) });
    expect((await heardOf({ first: 0, lines: [], key: { kind: 'car', serial: 's'.repeat(65) } })).key).toBeUndefined();
  });

  it.each([
    null,
    7,
    'text',
    [],
    { first: -1, lines: {}, key: [] },
    { first: 1e300, lines: [7], key: { kind: 'boat' } },
  ])('that make no sense are no words: %j', async (secrets) => {
    expect(await heardOf(secrets)).toEqual({ first: 0, lines: [], key: undefined });
  });
});
