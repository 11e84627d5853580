import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';
import { ROOT } from '../support/process/built.js';
import { inSeconds } from '../support/relay/relay.js';

/* The other device is an independent client in Python, written from the drafts, with another AES-GCM. */

const DEVICE = fileURLToPath(new URL('../support/client/device.py', import.meta.url));

let relay: RelayServer;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.close());

const numbered = (number: number) => ({ format: 'test.example/number', content: { number, text: 'Größe 🔑' } });
const next = (message: { readonly content: Readonly<Record<string, unknown>> }) =>
  numbered(Number(message.content.number) + 1);

/** Runs the other device; `lines` is its output. */
function python(...args: string[]) {
  const child: ChildProcessWithoutNullStreams = spawn('python3', [DEVICE, ...args]);
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async line(): Promise<unknown> {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`The other device ended. ${errors}`);
      return JSON.parse(value);
    },
    async end(): Promise<void> {
      const [code] = child.exitCode === null ? await once(child, 'close') : [child.exitCode];
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
    },
  };
}

const hasPython = spawnSync('python3', ['-c', '']).status === 0;

/** Without Python the run reports the tests as skipped. */
function notExercised(): void {
  if (process.env.CI === 'true') expect.fail('There is no python3.');
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const line = 'The independent client was not exercised: there is no python3. To mend it: apt-get install python3.\n';
  appendFileSync(join(ROOT, '.cache', 'not-exercised.txt'), line);
}

if (!hasPython) it('python3 can be had', notExercised);

const whereThereIsPython: (name: string, define: () => void) => void = hasPython ? describe : () => {};
whereThereIsPython('an independent client [SCT, TIGRESS; RFC 5116]', () => {
  it.each(['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM'] as const)(
    'The Python receiver opens a share of this sender: %s',
    async (algorithm) => {
      const sender = hastySender(relay.url);
      const share = await sender.share(numbered(0), DISPLAY, { algorithm, accessRights: 'RWD', vertical: 'h' });
      const other = python('receive', share.url);
      const receivedTexts: unknown[] = [];
      for await (const message of share.messages()) {
        receivedTexts.push(message.content.number);
        await share.reply(next(message));
      }
      expect(receivedTexts).toEqual([1, 3]);
      expect([await other.line(), await other.line(), await other.line()]).toEqual([0, 2, 4].map(numbered));
      await other.end();
      expect(share.state.ended).toBe('deleted');
    },
  );

  it.each(['128', '256'])('This receiver opens a share of the Python sender: AEAD_AES_%s_GCM', async (bits) => {
    const other = python('send', relay.url, bits, inSeconds(600));
    const { url } = (await other.line()) as { url: string };
    const received = hastyReceiver().open(url);
    expect((await received.preview()).title).toBe('Python');
    const receivedTexts: unknown[] = [];
    for await (const message of received.messages()) {
      receivedTexts.push({ format: message.format, content: message.content });
      if (receivedTexts.length === 3) await received.finish();
      else await received.reply(next(message));
    }
    expect(receivedTexts).toEqual([0, 2, 4].map(numbered));
    expect([await other.line(), await other.line()]).toEqual([1, 3].map(numbered));
    await other.end();
  });
});
