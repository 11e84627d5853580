/** examples/browser/page/message.ts: a message can come from any program. */
import { describe, expect, it } from 'vitest';
import {
  beginAsReceiver,
  beginAsSender,
  receiveMessage,
  seal,
  toMessage,
} from '../../../examples/browser/page/key-agreement.js';
import { openMessage } from '../../../examples/browser/page/message.js';

/** Seals a value as the sender, and opens it as the receiver. */
async function openSealed(secrets: unknown) {
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

describe('openMessage', () => {
  it('a message is cut to 200 lines of 280 characters, without a key over 64 characters', async () => {
    const lines = Array.from({ length: 250 }, (_, at) => `${at}`.padEnd(300, 'x'));
    const content = await openSealed({ first: 7, lines, key: { kind: 'car', serial: 's'.repeat(64), more: 'x' } });
    expect([content.first, content.lines.length, content.lines[0]]).toEqual([57, 200, '50'.padEnd(280, 'x')]);
    expect(content.key).toEqual({ kind: 'car', serial: 's'.repeat(64) });
    expect(
      (await openSealed({ first: 0, lines: [], key: { kind: 'car', serial: 's'.repeat(65) } })).key,
    ).toBeUndefined();
  });

  it.each([
    null,
    7,
    'text',
    [],
    { first: -1, lines: {}, key: [] },
    { first: 1e300, lines: [7], key: { kind: 'boat' } },
  ])('a message with invalid content is empty: %j', async (secrets) => {
    expect(await openSealed(secrets)).toEqual({ first: 0, lines: [], key: undefined });
  });
});
