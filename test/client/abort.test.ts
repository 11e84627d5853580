import { getEventListeners } from 'node:events';
import type { CallOptions, ReceivedShare, SentShare } from 'credential-relay/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';

let relay: RelayServer;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.close());

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

/** A stateful share that a receiver has opened. */
async function opened(): Promise<{ share: SentShare; received: ReceivedShare }> {
  const share = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD' });
  const received = hastyReceiver().open(share.url);
  await received.next();
  return { share, received };
}

type Call = (options: CallOptions) => Promise<unknown>;

/** Every call that talks to a relay, ready to be made. */
const CALLS: Record<string, () => Promise<Call>> = {
  'Sender.share': async () => (options) => hastySender(relay.url).share(words('0'), DISPLAY, options),
  'Sender.resume': async () => {
    const { share } = await opened();
    const pending = { operation: 'update', url: share.state.mailboxUrl ?? '', requestId: 'one', body: '{}' } as const;
    return (options) => hastySender(relay.url).resume({ ...share.state, pending }, options);
  },
  'SentShare.next': async () => (await opened()).share.next,
  'SentShare.check': async () => (await opened()).share.check,
  'SentShare.messages': async () => {
    const { share } = await opened();
    return (options) => share.messages(options).next();
  },
  'SentShare.reply': async () => {
    const { share } = await opened();
    return (options) => share.reply(words('1'), options);
  },
  'SentShare.cancel': async () => (await opened()).share.cancel,
  'ReceivedShare.preview': async () => (await opened()).received.preview,
  'ReceivedShare.next': async () => (await opened()).received.next,
  'ReceivedShare.finish': async () => (await opened()).received.finish,
  'ReceivedShare.relinquish': async () => (await opened()).received.relinquish,
};

/** When the call is aborted. */
const STEPS: Record<string, () => void> = {
  'before the call': () => {},
  'without a response': () => {
    relay.intercept = () => true;
  },
  'during a pause before a retry': () => {
    relay.intercept = (_request, response) => {
      response.writeHead(503, { 'Retry-After': '5' }).end();
      return true;
    };
  },
};

describe('An abort signal', () => {
  for (const [step, begin] of Object.entries(STEPS)) {
    it.each(Object.keys(CALLS))(
      `%s aborted ${step} throws the reason of the signal and frees its timers and connections`,
      async (name) => {
        const call = await CALLS[name]?.();
        const reason = new Error('the user left');
        const controller = new AbortController();
        const before = timers();
        let arrived = 0;
        begin();
        const intercept = relay.intercept;
        relay.intercept = (request, response) => {
          arrived += 1;
          return intercept(request, response);
        };
        try {
          if (step.startsWith('before')) controller.abort(reason);
          const running = call?.({ signal: controller.signal }).then(
            () => 'done',
            (error: unknown) => error,
          );
          if (!controller.signal.aborted) {
            await expect.poll(() => arrived, { interval: 2 }).toBeGreaterThan(0);
            if (step.includes('retry')) await expect.poll(timers, { interval: 2 }).toBeGreaterThan(before);
            controller.abort(reason);
          }
          expect(await running).toBe(reason);
          expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
          expect(step.startsWith('before') ? arrived : 0).toBe(0);
          await expect.poll(timers, { interval: 5 }).toBeLessThanOrEqual(before);
        } finally {
          relay.intercept = () => false;
        }
      },
    );
  }

  it('A call that succeeds leaves no timer', async () => {
    const { share, received } = await opened();
    const before = timers();
    for (let nth = 0; nth < 20; nth += 1) {
      await share.check();
      await received.check();
    }
    expect(timers()).toBeLessThan(before + 10);
  });

  it('An aborted held read closes its request at the relay, and the share continues', async () => {
    const { share, received } = await opened();
    const controller = new AbortController();
    const waiting = share.next({ signal: controller.signal }).catch((error: unknown) => error);
    await expect.poll(() => relay.held()).toBe(1);
    controller.abort();
    expect(await waiting).toMatchObject({ name: 'AbortError' });
    await expect.poll(() => relay.held()).toBe(0);
    await received.reply(words('1'));
    expect(readText(await share.next())).toBe('1');
  });

  it('An aborted write stays in the state and takes effect once when it is repeated', async () => {
    const { share, received } = await opened();
    relay.intercept = () => true;
    const controller = new AbortController();
    const writing = received.reply(words('1'), { signal: controller.signal }).catch((error: unknown) => error);
    await expect.poll(() => received.state.pending?.operation).toBe('update');
    controller.abort();
    expect(await writing).toMatchObject({ name: 'AbortError' });
    relay.intercept = () => false;
    const before = relay.log.length;
    await received.reply(words('1'));
    expect(relay.log.slice(before)).toEqual(['PUT 200']);
    expect(readText(await share.next())).toBe('1');
  });

  it('A queued write ends at once when it is aborted, and is never sent', async () => {
    const { received } = await opened();
    relay.intercept = () => true;
    const first = new AbortController();
    const second = new AbortController();
    const writing = received.reply(words('1'), { signal: first.signal }).catch((error: unknown) => error);
    const queued = received.reply(words('2'), { signal: second.signal }).catch((error: unknown) => error);
    second.abort();
    expect(await queued).toMatchObject({ name: 'AbortError' });
    relay.intercept = () => false;
    first.abort();
    await writing;
    const before = relay.log.length;
    await received.finish();
    expect(relay.log.slice(before)).toEqual(['DELETE 200']);
  });

  it('A loop over messages that is left holds no read at the relay', async () => {
    const { share, received } = await opened();
    await received.reply(words('1'));
    for await (const message of share.messages()) {
      expect(readText(message)).toBe('1');
      break;
    }
    await expect.poll(() => relay.held()).toBe(0);
  });
});
