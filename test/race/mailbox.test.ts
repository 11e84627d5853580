import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createBody, device, sharedMailbox, somePayload, testRelay } from '../support/relay/relay.js';

/** How many of the answers have each status. */
function tally(answers: ReadonlyArray<{ status: number }>): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const times = <Result>(count: number, run: (index: number) => Promise<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => run(index)));

describe.each([
  ['one relay', 1],
  ['three relays on one store', 3],
])('races at %s', (_name, count) => {
  const keys = [randomBytes(32)];
  const store = new Map<string, unknown>();
  const relays = Array.from({ length: count }, () => testRelay({ store, keys, storeBudgetMs: 30_000 }));
  const relay = (index: number) => relays[index % count] ?? testRelay();

  it('binds exactly one of 8 claims that read at once, 500 times over [§5 S1 N15]', async () => {
    await times(500, async () => {
      const { url } = await sharedMailbox(relay(0));
      const answers = await times(8, (index) => device(relay(index)).read(url));
      expect(tally(answers)).toEqual({ 200: 1, 401: 7 });
      for (const { status, json } of answers) if (status === 401) expect(json.payload).toBeUndefined();
    });
  });

  it('opens one mailbox for concurrent creates with one Request-ID: one 200, else 201, one urlLink [§3 A6]', async () => {
    const claim = randomUUID();
    const requestId = randomUUID();
    const answers = await times(20, (index) => device(relay(index), claim).create(createBody(), { requestId }));
    expect(tally(answers)).toEqual({ 200: 1, 201: 19 });
    expect(new Set(answers.map(({ json }) => json.urlLink)).size).toBe(1);
  });

  it('writes once for concurrent updates with one Request-ID [§3 A6]', async () => {
    const { sender, url } = await sharedMailbox(relay(0));
    const requestId = randomUUID();
    const payloads = Array.from({ length: 20 }, somePayload);
    const answers = await times(20, (index) =>
      device(relay(index), sender.claim).update(url, payloads[index], { requestId }),
    );
    expect(tally(answers)).toEqual({ 200: 1, 201: 19 });
    const winner = payloads[answers.findIndex(({ status }) => status === 200)];
    expect((await sender.read(url)).json.payload).toEqual(winner);
  });

  it('accepts one of many conditional updates per version [§8 412]', async () => {
    const { sender, url, created } = await sharedMailbox(relay(0));
    const headers = { 'Mailbox-Known-Version': created.headers.get('Mailbox-Version') ?? '' };
    const answers = await times(20, (index) =>
      device(relay(index), sender.claim).update(url, somePayload(), { headers }),
    );
    expect(tally(answers)).toEqual({ 200: 1, 412: 19 });
  });

  it('loses no update and no binding in a mix of all operations [§5 N35]', async () => {
    const { sender, url } = await sharedMailbox(relay(0));
    const receiver = device(relay(1));
    await receiver.read(url);
    const updates = await times(30, (index) =>
      (index % 2 === 0 ? device(relay(index), sender.claim) : device(relay(index), receiver.claim)).update(url),
    );
    expect(tally(updates)).toEqual({ 200: 30 });
    expect(new Set(updates.map(({ headers }) => headers.get('Mailbox-Version'))).size).toBe(30);
    const ends = await times(10, (index) => device(relay(index), sender.claim).delete(url));
    expect(tally(ends)).toEqual({ 200: 1, 404: 9 });
  });
});
