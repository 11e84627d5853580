import { createRelay } from 'credential-relay';
import {
  type Message,
  open,
  parseShareUrl,
  type ReceivedShare,
  type SentShare,
  TransferError,
  type TransferState,
} from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { createRandom } from '../support/client/random.js';

/*
 * Two devices make random calls. The network loses requests and responses, saves fail, and apps are killed. A device
 * receives each message unless the writer has replaced it. No device replaces a message of the other device before it
 * has received that message. Each message takes effect once, its call reports the true result, and messages are
 * received in the order of the writes.
 */

const RUNS = Number(process.env.RANDOM_RUNS ?? 100);
const FIRST_SEED = Number(process.env.RANDOM_SEED ?? 1);
const STEPS = 30;
const PUBLIC_URL = 'http://localhost/relay';

const pauseFor = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One transfer, as an observer sees it. */
interface Scenario {
  readonly random: () => number;
  readonly chance: (share: number) => boolean;
  readonly relayFetch: (request: Request) => Promise<Response>;
  /** True when failures and kills have stopped. */
  isCalm: boolean;
  secret: string;
  /** Messages that took effect, in order; `known` has the messages that the writer had received before. */
  readonly applied: { readonly by: Device; readonly text: string; readonly known: ReadonlySet<string> }[];
  readonly trace: string[];
}

/** A device, its disk and its process. */
interface Device {
  readonly name: 'sender' | 'receiver';
  readonly process: { isDead: boolean; number: number };
  disk: TransferState | undefined;
  /** Messages that its app has received, and in which of its processes. */
  readonly received: { readonly text: string; readonly process: number }[];
  /** Received messages that the app has not lost in a kill before its next call. */
  readonly known: Set<string>;
  /** Messages since the last call of the app. */
  readonly unacknowledged: Set<string>;
  /** The result of each write. */
  readonly results: Map<string, string>;
  /** The message that failed as unreachable; the app sends it again. */
  failedText: string | undefined;
  written: number;
}

const newDevice = (name: Device['name']): Device => ({
  name,
  process: { isDead: false, number: 0 },
  disk: undefined,
  received: [],
  known: new Set(),
  unacknowledged: new Set(),
  results: new Map(),
  failedText: undefined,
  written: 0,
});

/** The options of one process of a device. */
function startProcess(device: Device, scenario: Scenario) {
  const { chance, random } = scenario;
  device.process.isDead = false;
  device.process.number += 1;
  const { number } = device.process;
  /** The process may be killed at each step. A killed process does nothing more. */
  const step = (): void => {
    if (device.process.number !== number) throw new Error('killed');
    if (!scenario.isCalm && chance(0.01)) device.process.isDead = true;
    if (device.process.isDead) throw new Error('killed');
  };
  const lose = (what: string): void => {
    if (!scenario.isCalm && chance(0.1)) throw new TypeError(what);
  };
  const dawdle = (): Promise<void> => (chance(0.4) ? pauseFor(random() * 4) : Promise.resolve());
  const onState = async (state: TransferState): Promise<void> => {
    const json = JSON.stringify(state);
    step();
    if (!scenario.isCalm && chance(0.04)) throw new Error('disk full');
    await dawdle();
    step();
    device.disk = JSON.parse(json);
    step();
  };
  const network: typeof fetch = async (input, init) => {
    step();
    lose('lost on its way');
    await dawdle();
    const known = new Set(device.known);
    const response = await scenario.relayFetch(new Request(input, init));
    if (init?.method === 'PUT' && response.status === 200) {
      const opened = await open(JSON.parse(String(init.body)).payload, scenario.secret);
      scenario.applied.push({ by: device, text: JSON.parse(new TextDecoder().decode(opened)).content.text, known });
      scenario.trace.push(`${device.name} wrote ${scenario.applied.at(-1)?.text}`);
    }
    await dawdle();
    step();
    lose('its answer lost');
    return response;
  };
  return { onState, fetch: network, retryTimeoutMs: 30, retryDelayMs: 2, pollMs: 10, timeoutMs: 1000 };
}

/** The calls of an app. The app records errors and continues. */
function app(device: Device, share: SentShare | ReceivedShare, scenario: Scenario) {
  const { chance, random, trace } = scenario;
  const { number } = device.process;
  const isAlive = (): boolean => !device.process.isDead && device.process.number === number;
  /** A call acknowledges the received messages. */
  const called = (): void => device.unacknowledged.clear();
  const fail = (what: string, error: unknown): void => {
    const { code = (error as Error).message } = error as TransferError;
    if (isAlive()) trace.push(`${device.name} ${what}: ${code}`);
    if (!(error instanceof TransferError)) return;
    expect(['unreachable', 'conflict'], `${what}: ${error.message}`).toContain(error.code);
  };
  const hear = (message: Message | undefined): void => {
    if (message === undefined || !isAlive()) return;
    const text = String(readText(message));
    device.received.push({ text, process: number });
    device.known.add(text);
    device.unacknowledged.add(text);
    // The relay may have carried out the failed message; after a new message it would be another reply.
    device.failedText = undefined;
    trace.push(`${device.name} received ${text}`);
  };
  const read = async (): Promise<void> => {
    called();
    try {
      if (chance(0.5)) hear(await share.check());
      else hear(await share.next({ signal: AbortSignal.timeout(Math.ceil(5 + random() * 20)) }));
    } catch (error) {
      if ((error as Error).name !== 'TimeoutError') fail('read', error);
    }
  };
  const write = async (): Promise<void> => {
    called();
    const text = device.failedText ?? `${device.name} ${++device.written}`;
    device.failedText = undefined;
    try {
      await share.reply(words(text));
      if (isAlive()) device.results.set(text, 'done');
    } catch (error) {
      fail(`write of ${text}`, error);
      if (!isAlive() || !(error instanceof TransferError)) return;
      device.results.set(text, error.code);
      if (error.code === 'unreachable') device.failedText = text;
    }
  };
  return { read, write, isAlive };
}

/** The app of one device: started again whenever it was killed. */
async function live(
  device: Device,
  start: () => Promise<SentShare | ReceivedShare>,
  scenario: Scenario,
): Promise<void> {
  let steps = 0;
  const isOver = (): boolean => steps >= STEPS;
  while (!isOver()) {
    let share: SentShare | ReceivedShare;
    try {
      share = await start();
    } catch (error) {
      scenario.trace.push(`${device.name} start: ${(error as TransferError).code ?? (error as Error).message}`);
      steps += 1;
      continue;
    }
    const { read, write, isAlive } = app(device, share, scenario);
    while (isAlive() && !isOver()) {
      steps += 1;
      const dice = scenario.random();
      if (dice < 0.45) await read();
      else if (dice < 0.75) await write();
      else if (dice < 0.9) await Promise.all(scenario.chance(0.5) ? [read(), write()] : [write(), read()]);
      else await Promise.all([read(), read()]);
    }
    if (isAlive()) continue;
    scenario.trace.push(`${device.name} was killed`);
    // It had not dealt with these: it is to hear them again.
    for (const text of device.unacknowledged) device.known.delete(text);
    device.unacknowledged.clear();
    device.failedText = undefined;
  }
}

/** Runs one transfer, and checks the rules above at its end. */
async function transfer(seed: number): Promise<void> {
  const random = createRandom(seed);
  const relay = createRelay({ publicUrl: PUBLIC_URL });
  const scenario: Scenario = {
    random,
    chance: (share) => random() < share,
    relayFetch: async (request) => relay.fetch(request),
    isCalm: true,
    secret: '',
    applied: [],
    trace: [],
  };
  const [sending, receiving] = [newDevice('sender'), newDevice('receiver')];
  const first = await hastySender(PUBLIC_URL, startProcess(sending, scenario)).share(words('sender 0'), DISPLAY, {
    accessRights: 'RWD',
  });
  scenario.secret = parseShareUrl(first.url).secret ?? '';
  scenario.applied.push({ by: sending, text: 'sender 0', known: new Set() });
  const startSender = async () =>
    hastySender(PUBLIC_URL, startProcess(sending, scenario)).resume(sending.disk as TransferState);
  const startReceiver = async () => {
    const receiver = hastyReceiver(startProcess(receiving, scenario));
    return receiving.disk === undefined ? receiver.open(first.url) : receiver.resume(receiving.disk);
  };
  // A receiver is bound by a read before it can write.
  const bound = await startReceiver();
  await app(receiving, bound, scenario).read();
  while (!bound.state.bound) await app(receiving, bound, scenario).read();

  scenario.isCalm = false;
  await Promise.all([live(sending, startSender, scenario), live(receiving, startReceiver, scenario)]);
  scenario.isCalm = true;
  for (const device of [sending, receiving, sending, receiving]) {
    device.unacknowledged.clear();
    const start: () => Promise<SentShare | ReceivedShare> = device === sending ? startSender : startReceiver;
    // The first start may fail with a conflict of the pending write.
    const { check } = await start().catch(start);
    for (let message = await check(); message !== undefined; message = await check()) {
      device.received.push({ text: String(readText(message)), process: device.process.number });
      device.known.add(String(readText(message)));
    }
  }
  await relay.close();

  const story = `seed ${seed}\n${scenario.trace.join('\n')}\n`;
  const texts = scenario.applied.map(({ text }) => text);
  expect(new Set(texts).size, `${story}each takes effect once`).toBe(texts.length);
  for (const [at, { by, text }] of scenario.applied.entries()) {
    const after = scenario.applied[at + 1];
    const other = by === sending ? receiving : sending;
    if (after !== undefined && after.by !== by) {
      expect(after.known.has(text), `${story}${text} is received before ${after.text} takes its place`).toBe(true);
    }
    if (after === undefined) expect(other.known.has(text), `${story}${text} is received`).toBe(true);
  }
  for (const device of [sending, receiving]) {
    for (const [text, results] of device.results) {
      if (results === 'done') expect(texts, `${story}${text} was said to be done`).toContain(text);
      if (results === 'conflict') expect(texts, `${story}${text} was said to conflict`).not.toContain(text);
    }
    let last = { at: -1, process: 0 };
    for (const { text, process } of device.received) {
      const at = texts.indexOf(text);
      const least = process === last.process ? last.at + 1 : last.at;
      expect(at, `${story}${text} is received by the ${device.name} in its place, and once`).toBeGreaterThanOrEqual(
        least,
      );
      last = { at, process };
    }
  }
}

describe('Random transfers', () => {
  it('Random failures and kills lose, duplicate and reorder no message', { timeout: 60_000 }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 20) {
      const seeds = Array.from({ length: Math.min(20, FIRST_SEED + RUNS - seed) }, (_, at) => seed + at);
      await Promise.all(seeds.map(transfer));
    }
  });
});
