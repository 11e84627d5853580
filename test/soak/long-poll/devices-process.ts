import { connect } from 'node:net';
import { receiveSettings, serveParent } from '../../support/process/parent.js';
import { somePayload } from '../../support/protocol/bodies.js';
import { type BoundPair, newDevice, waitFields } from '../../support/protocol/device.js';
import { pause, runConcurrently } from '../../support/protocol/flow.js';
import { createAgent, createPairs, nowShared } from './devices.js';

/* The devices of a run, in a child process, so that they do not delay the measured process. */

/** `base`: the public URL of the relay at one process. */
export interface DeviceSettings {
  readonly base: string;
  readonly mailboxes: number;
  /** Characters of each payload. */
  readonly characters: number;
}

const { base, mailboxes, characters } = await receiveSettings<DeviceSettings>();
const agent = createAgent();
let pairs: BoundPair[] = [];
/** Current version of each mailbox, and the start of its update. */
let versions: string[] = [];
const began: number[] = [];
let outcomes: Record<string, number> = {};
let times: number[] = [];
let lastAnswer = 0;
let stop: (() => Promise<void>) | undefined;

const count = (outcome: string | number): void => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};
const pairAt = (index: number): BoundPair => pairs[index] as BoundPair;
const updateAt = (index: number) => pairAt(index).receiver.update(pairAt(index).url, somePayload(characters));

/** The time between two tries of an unbound device. */
const RETRY_MS = 5_000;
/** The time between two reads, and a fifth of the time between a wait and the update that ends it. */
const PAUSE_MS = 10;

/** Runs `act` for each unbound device until `stop` is called. */
function runUnbound(size: number, act: (index: number, isRunning: () => boolean) => Promise<void>): void {
  let isRunning = true;
  outcomes = {};
  const running = Array.from({ length: size }, (_, index) => act(index, () => isRunning));
  stop = async () => {
    isRunning = false;
    await Promise.all(running);
  };
}

interface Targets {
  readonly urls: readonly string[];
  readonly version: string;
  readonly size: number;
}

/** A wait of a device that is not bound to the mailbox. */
async function tryUnbound({ urls, version }: Targets, index: number): Promise<void> {
  count((await newDevice({ agent }).wait(urls[index % urls.length] ?? '', version).answer).status);
}

const commands = {
  /** Creates the mailboxes. */
  async open() {
    pairs = await createPairs(base, mailboxes, { characters, agent });
    versions = pairs.map(({ version }) => version);
    return { urls: pairs.map(({ url }) => url), version: versions[0] ?? '' };
  },
  /** The senders of the mailboxes from `from` to `to` start to wait. */
  hold({ seconds, from, to }: { seconds: number; from: number; to: number }) {
    if (from === 0) [outcomes, times] = [{}, []];
    for (let index = from; index < to; index += 1) {
      const { sender, url } = pairAt(index);
      sender.wait(url, versions[index] ?? '', seconds).answer.then(
        ({ status, version }) => {
          lastAnswer = nowShared();
          times.push(performance.now() - (began[index] ?? 0));
          versions[index] = version;
          count(status);
        },
        () => count('lost'),
      );
    }
  },
  /** The ended waits since the last `hold`. */
  ended: () => ({ outcomes, times, lastAnswer, count: Object.values(outcomes).reduce((sum, some) => sum + some, 0) }),
  updateAll: () =>
    runConcurrently(mailboxes, 16, async (index) => {
      began[index] = performance.now();
      await updateAt(index);
    }),

  /** The receiver of mailbox 0 reads, and the sender of mailbox 1 waits for updates, for `ms`. */
  async useMailboxes({ ms }: { ms: number }) {
    const end = performance.now() + ms;
    const seen = { reads: [] as number[], waits: [] as number[], wrong: [] as string[] };
    const expectSuccess = (what: string, status: number): void => {
      if (status !== 200) seen.wrong.push(`${what} ${status}`);
    };
    async function keepReading(): Promise<void> {
      while (performance.now() < end) {
        const started = performance.now();
        const { status } = await pairAt(0).receiver.read(pairAt(0).url);
        seen.reads.push(performance.now() - started);
        expectSuccess('read', status);
        await pause(PAUSE_MS);
      }
    }
    async function keepWaiting(): Promise<void> {
      while (performance.now() < end) {
        const waiting = pairAt(1).sender.wait(pairAt(1).url, versions[1] ?? '');
        await pause(5 * PAUSE_MS);
        const started = performance.now();
        expectSuccess('update', (await updateAt(1)).status);
        const { status, version } = await waiting.answer;
        seen.waits.push(performance.now() - started);
        expectSuccess('wait', status);
        versions[1] = version;
      }
    }
    await Promise.all([keepReading(), keepWaiting()]);
    return seen;
  },

  /** Unbound devices try again and again, about every 5 s. */
  repeat: (targets: Targets) =>
    runUnbound(targets.size, async (index, isRunning) => {
      await pause(RETRY_MS * Math.random());
      while (isRunning()) {
        const next = pause(RETRY_MS * (0.9 + 0.2 * Math.random()));
        await tryUnbound(targets, index);
        await next;
      }
    }),
  /** Unbound devices try once, all at the same moment. */
  burst: (targets: Targets) => runUnbound(targets.size, (index) => tryUnbound(targets, index)),
  /** One connection sends thousands of waits for new mailboxes and reads no answer. */
  async flood({ size }: Targets) {
    const own = await createPairs(base, 20, { agent });
    const heads = own.map(({ sender, url, version }) => {
      const { host, pathname } = new URL(url);
      const fields = [
        ['Host', host],
        ['Mailbox-Device-Claim', sender.claim],
        ['Content-Length', '0'],
        ...waitFields(version),
      ];
      return `POST ${pathname} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
    });
    const socket = connect(Number(new URL(base).port), '127.0.0.1').on('error', () => {});
    socket.pause();
    socket.write(heads.join('').repeat(Math.ceil(size / own.length)));
    outcomes = {};
    stop = async () => void socket.destroy();
  },
  /** Ends `repeat`, `burst` or `flood`, and returns the statuses of the unbound devices. */
  async stop() {
    await stop?.();
    return outcomes;
  },
};

export type DeviceCommands = typeof commands;

serveParent({}, commands);
