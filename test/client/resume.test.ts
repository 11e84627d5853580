import { randomBytes } from 'node:crypto';
import { type Message, open, type Payload, type SaveState, type TransferState } from 'credential-relay/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';

let relay: RelayServer;
beforeAll(async () => {
  relay = await startRelay({ keys: [randomBytes(32)] });
});
afterAll(() => relay.close());

/** The process was killed, and does nothing more. */
class Killed extends Error {}

/** A disk for one state, and a process that can be killed at each step. */
function killable(killAt: number) {
  let events = 0;
  let isDead = false;
  /** Counts one thing done; the process dies instead if that is the one. */
  const step = (): void => {
    if (isDead || ++events === killAt) {
      isDead = true;
      throw new Killed();
    }
  };
  const disk: { json?: string } = {};
  const sent: { method: string; requestId: string | null; body: string }[] = [];
  const onState: SaveState = (state) => {
    step(); // Before the save.
    disk.json = JSON.stringify(state);
    step(); // Kept; not sent yet.
  };
  const network: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    step(); // Not sent.
    sent.push({ method: init?.method ?? '', requestId: headers.get('Mailbox-Request-ID'), body: String(init?.body) });
    const response = await fetch(input, init);
    const text = response.status === 204 ? null : await response.text();
    step(); // The relay has carried out the request; this process receives no response.
    return new Response(text, { status: response.status, headers: response.headers });
  };
  return {
    disk,
    sent,
    get events() {
      return events;
    },
    get isDead() {
      return isDead;
    },
    /** Starts the process again; it is not killed any more. */
    revive: () => {
      isDead = false;
    },
    options: { onState, fetch: network },
    saved: (): TransferState | undefined => (disk.json === undefined ? undefined : JSON.parse(disk.json)),
  };
}
type Process = ReturnType<typeof killable>;

/** Runs an app until it has done its work, starting it again when it was killed. */
async function untilDone(process: Process, app: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await app();
    } catch (error) {
      // A request that dies is retried as one that got lost, until the process as a whole is seen to be dead.
      if (!process.isDead) throw error;
      process.revive();
    }
  }
}

/** A whole stateful transfer of three messages each way, killed once on one side. Resolves to the received messages. */
async function transfer(senderKilledAt: number, receiverKilledAt: number) {
  const sending = killable(senderKilledAt);
  const receiving = killable(receiverKilledAt);
  const texts: Record<'sender' | 'receiver', unknown[]> = { sender: [], receiver: [] };
  let announce = (_url: string): void => {};
  const link = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const answers: Record<string, string> = { '0': '1', '1': '2', '2': '3', '3': '4' };
  const hear = (who: 'sender' | 'receiver', message: Message): string => {
    texts[who].push(readText(message));
    return answers[String(readText(message))] ?? '';
  };
  const options = { retryTimeoutMs: 60 };

  const senderApp = async (): Promise<void> => {
    const sender = hastySender(relay.url, { ...sending.options, ...options });
    const state = sending.saved();
    const share =
      state === undefined
        ? await sender.share(words('0'), DISPLAY, { accessRights: 'RWD' })
        : await sender.resume(state);
    announce(share.url);
    for await (const message of share.messages()) await share.reply(words(hear('sender', message)));
  };
  const receiverApp = async (): Promise<void> => {
    const receiver = hastyReceiver({ ...receiving.options, ...options });
    const state = receiving.saved();
    const share = state === undefined ? receiver.open(await link) : await receiver.resume(state);
    for await (const message of share.messages()) {
      const reply = hear('receiver', message);
      if (reply === '') await share.finish();
      else await share.reply(words(reply));
    }
  };
  const applied: string[] = [];
  const before = relay.log.length;
  await Promise.all([untilDone(sending, senderApp), untilDone(receiving, receiverApp)]);
  applied.push(...relay.log.slice(before).filter((line) => /^(PUT|DELETE) 200/.test(line)));
  return { sending, receiving, texts, applied };
}

/** Expects a transfer without duplicates and losses. */
function expectWhole({ sending, receiving, texts, applied }: Awaited<ReturnType<typeof transfer>>): void {
  // Each message is received. A message comes again directly after a kill before its acknowledgement.
  expect(texts.sender.filter((text, index, all) => text !== all[index - 1])).toEqual(['1', '3']);
  expect(texts.receiver.filter((text, index, all) => text !== all[index - 1])).toEqual(['0', '2', '4']);
  // Four answers and one delete took effect, each once.
  expect(applied).toEqual(['PUT 200', 'PUT 200', 'PUT 200', 'PUT 200', 'DELETE 200']);
  for (const { sent } of [sending, receiving]) {
    // A write that is sent again is the same to the byte, under the same Request-ID.
    const bodies = new Map<string, string>();
    for (const { method, requestId, body } of sent) {
      if (method === 'POST' && body === 'undefined') continue;
      expect(bodies.get(`${method} ${requestId}`) ?? body).toBe(body);
      bodies.set(`${method} ${requestId}`, body);
    }
    const creates = [...bodies.keys()].filter((key) => key.startsWith('POST'));
    expect(creates.length).toBeLessThanOrEqual(1);
  }
}

describe('An app that is killed resumes from its state', () => {
  it('A transfer without a kill takes the steps of the tests below', async () => {
    const result = await transfer(0, 0);
    expectWhole(result);
    expect(result.texts).toEqual({ sender: ['1', '3'], receiver: ['0', '2', '4'] });
    expect(result.sending.events).toBeGreaterThan(20);
    expect(result.receiving.events).toBeGreaterThan(20);
  });

  it.each(['sender', 'receiver'] as const)('A %s killed at any step duplicates and loses nothing', async (who) => {
    const { sending, receiving } = await transfer(0, 0);
    const events = (who === 'sender' ? sending : receiving).events + 4;
    for (let at = 1; at <= events; at += 1) {
      const result = await transfer(who === 'sender' ? at : 0, who === 'receiver' ? at : 0);
      expect(() => expectWhole(result), `killed at ${at}`).not.toThrow();
    }
  });

  it('A sender and a receiver killed at any two steps duplicate and lose nothing', async () => {
    for (let at = 2; at <= 24; at += 3) expectWhole(await transfer(at, 26 - at));
  });
});

describe('A notification token of an app that is killed', () => {
  const token = (tokenData: string) => ({ type: 'com.apple.apns', tokenData });

  /** A receiver that replaces its token once, killed at one step. Resolves to the tokens that it sent. */
  async function replaceToken(killedAt: number) {
    const device = killable(killedAt);
    const sender = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    let wanted = 'first';
    await untilDone(device, async () => {
      const receiver = hastyReceiver({ ...device.options, retryTimeoutMs: 60, waitSeconds: 0 });
      const state = device.saved();
      const notificationToken = token(wanted);
      const share =
        state === undefined
          ? receiver.open(sender.url, { notificationToken })
          : await receiver.resume(state, { notificationToken });
      if (share.state.ended !== undefined) return;
      await share.check();
      wanted = 'second';
      await share.setNotificationToken(token(wanted));
      await share.check();
      await share.reply(words('1'));
      await share.check();
    });
    const tokens = device.sent.map(({ body }) => /"tokenData":"(\w+)"/.exec(body)?.[1]).filter(Boolean);
    return { tokens, events: device.events, state: device.saved() };
  }

  it('The relay has the latest token after a kill at any step', async () => {
    const { tokens, events } = await replaceToken(0);
    expect(tokens).toEqual(['first', 'second']);
    for (let at = 1; at <= events; at += 1) {
      const killed = await replaceToken(at);
      const order = killed.tokens.filter((name, index, all) => name !== all[index - 1]);
      expect([order.at(-1), order.length <= 2], `killed at ${at}`).toEqual(['second', true]);
      expect(killed.state, `killed at ${at}`).toMatchObject({ notificationToken: token('second'), isTokenLeft: true });
    }
  });
});

describe('A state from a database that turns undefined into null', () => {
  const OPTIONAL = ['vertical', 'mailboxUrl', 'expiration', 'version', 'wrote', 'unopened', 'notificationToken'];
  const toNulls = (state: TransferState): TransferState => {
    const nulls = Object.fromEntries([...OPTIONAL, 'isTokenLeft', 'pending', 'ended'].map((name) => [name, null]));
    const known = JSON.parse(JSON.stringify(state));
    if (known.pending) known.pending = { body: null, knownVersion: null, taken: null, ...known.pending };
    return { ...nulls, ...known };
  };

  it('Both devices resume, also with a pending reply', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    const received = await hastyReceiver().resume(toNulls(hastyReceiver().open(share.url).state));
    expect(readText(await received.next())).toBe('0');
    const down = () => Promise.reject(new Error('no network'));
    const states: TransferState[] = [];
    const options = { retryTimeoutMs: 0, fetch: down, onState: (state: TransferState) => void states.push(state) };
    const offline = await hastyReceiver(options).resume(toNulls({ ...received.state, version: undefined }));
    await expect(offline.reply(words('1'))).rejects.toMatchObject({ code: 'unreachable' });
    await received.check();
    const resumed = await hastyReceiver().resume(
      toNulls({ ...(states.at(-1) as TransferState), seen: received.state.seen }),
    );
    const sender = await hastySender(relay.url).resume(toNulls(share.state));
    expect(readText(await sender.next())).toBe('1');
    expect([resumed.state.ended, sender.state.ended]).toEqual([undefined, undefined]);
    await sender.cancel();
  });
});

describe('A state is saved before a write', () => {
  it('The saved state has the Request-ID and the body of a write before it is sent', async () => {
    const order: string[] = [];
    let kept: TransferState | undefined;
    const sender = hastySender(relay.url, {
      onState: async (state) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        kept = JSON.parse(JSON.stringify(state));
        order.push(`kept ${state.pending?.operation ?? '-'}`);
      },
      fetch: (input, init) => {
        const headers = new Headers(init?.headers);
        order.push(`${init?.method}`);
        if (kept?.pending !== undefined) {
          expect(kept.pending.requestId).toBe(headers.get('Mailbox-Request-ID'));
          expect(kept.pending.body).toBe(init?.body ?? undefined);
        }
        return fetch(input, init);
      },
    });
    const share = await sender.share(words('0'), DISPLAY, { accessRights: 'RWD' });
    await share.reply(words('1'));
    await share.cancel();
    expect(order).toEqual([
      'kept create', 'POST', 'kept -',
      'kept update', 'PUT', 'kept -',
      'kept delete', 'DELETE', 'kept -',
    ]); // biome-ignore format: a row a write
  });

  it('A receiver saves its claim before the read that binds', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY);
    const order: string[] = [];
    const receiver = hastyReceiver({
      onState: ({ bound }) => void order.push(`kept ${bound}`),
      fetch: (input, init) => {
        order.push(`${init?.method}`);
        return fetch(input, init);
      },
    });
    const received = receiver.open(share.url);
    await received.preview();
    expect(order).toEqual(['GET']);
    await received.next();
    expect(order).toEqual(['GET', 'kept false', 'POST', 'kept true']);
  });

  it('A write is not sent while the state cannot be saved, and is sent afterwards', async () => {
    let isFull = false;
    const methods: string[] = [];
    const share = await hastySender(relay.url, {
      onState: () => {
        if (isFull) throw new Error('disk full');
      },
      fetch: (input, init) => {
        methods.push(String(init?.method));
        return fetch(input, init);
      },
    }).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    isFull = true;
    await expect(share.reply(words('1'))).rejects.toThrow('disk full');
    await expect(share.reply(words('1'))).rejects.toThrow('disk full');
    await expect(share.next()).rejects.toThrow('disk full');
    await expect(share.cancel()).rejects.toThrow('disk full');
    const receiver = hastyReceiver({ onState: () => Promise.reject(new Error('disk full')) });
    await expect(receiver.open(share.url).next()).rejects.toThrow('disk full');
    expect(methods).toEqual(['POST']);
    isFull = false;
    await share.cancel();
    expect(methods).toEqual(['POST', 'DELETE']);
  });

  it('States are saved one after another, the newest last, also by a slow onState', async () => {
    const order: string[] = [];
    const share = await hastySender(relay.url, {
      onState: async ({ seen }) => {
        order.push(`begin ${seen.length}`);
        await new Promise((resolve) => setTimeout(resolve, order.length < 6 ? 20 : 0));
        order.push(`end ${seen.length}`);
      },
    }).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    const received = hastyReceiver().open(share.url);
    await received.next();
    order.length = 0;
    // The write and the read change the state at the same time.
    await Promise.all([share.reply(words('1')), share.check(), share.check()]);
    expect(order.length).toBeGreaterThan(5);
    for (let at = 0; at < order.length; at += 2) {
      expect(order[at + 1]).toBe(order[at]?.replace('begin', 'end'));
    }
  });

  it('A receiver saves its claim before the read of a reply', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    const order: string[] = [];
    const received = hastyReceiver({
      onState: () => void order.push('kept'),
      fetch: (input, init) => {
        order.push(`${init?.method}`);
        return fetch(input, init);
      },
    }).open(share.url);
    await expect(received.reply(words('1'))).rejects.toMatchObject({ code: 'conflict' });
    expect(order.slice(0, 2)).toEqual(['kept', 'POST']);
  });
});

describe('A state', () => {
  it('A state is plain JSON, and a parsed copy resumes the transfer', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD', vertical: 'c' });
    const again = await hastySender(relay.url).resume(JSON.parse(JSON.stringify(share.state)));
    expect(again.url).toBe(share.url);
    expect(JSON.parse(JSON.stringify(again.state))).toEqual(JSON.parse(JSON.stringify(share.state)));
  });

  it('A resumed device receives an unacknowledged message again, and no acknowledged one', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    const received = hastyReceiver().open(share.url);
    await received.next();
    const copy = (state: TransferState): TransferState => JSON.parse(JSON.stringify(state));
    const second = await hastyReceiver().resume(copy(received.state));
    expect(readText(await second.next())).toBe('0');
    await second.reply(words('1'));
    const third = await hastyReceiver().resume(copy(second.state));
    expect(await third.check()).toBeUndefined();
  });

  it('A state with a write that is too late ends as the mailbox did', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY, { accessRights: 'RWD' });
    const received = hastyReceiver().open(share.url);
    await received.next();
    await received.check(); // The first message is dealt with.
    const pending: TransferState[] = [];
    const cut = await hastyReceiver({
      retryTimeoutMs: 0,
      onState: (state) => void pending.push(state),
      fetch: () => Promise.reject(new TypeError('no network')),
    }).resume(received.state);
    await expect(cut.reply(words('1'))).rejects.toMatchObject({ code: 'unreachable' });
    await share.cancel();
    const late = await hastyReceiver().resume(pending.at(-1) as TransferState);
    expect(late.state).toMatchObject({ ended: 'deleted' });
    await expect(late.next()).rejects.toMatchObject({ code: 'gone', ended: 'deleted' });
  });

  it.each([undefined, null, {}, [], 'text', { format: 2 }])('A state %j is refused', async (state) => {
    await expect(hastySender(relay.url).resume(state as never)).rejects.toThrow(/^state: /);
  });

  it('A state of the other role is refused', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY);
    await expect(hastyReceiver().resume(share.state)).rejects.toThrow(/^state: must be the state of a receiver/);
  });

  it('A state has the body of a pending write in sealed form', async () => {
    const states: TransferState[] = [];
    const sender = hastySender(relay.url, { onState: (state) => void states.push(state) });
    const share = await sender.share(words('in clear'), DISPLAY);
    expect(JSON.stringify(states)).not.toContain('in clear');
    const { payload } = JSON.parse(states[0]?.pending?.body ?? '') as { payload: Payload };
    expect(new TextDecoder().decode(await open(payload, share.state.secret))).toContain('in clear');
  });
});
