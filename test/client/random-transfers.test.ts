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
import { DISPLAY, hastyReceiver, hastySender, textOf, words } from '../support/client/devices.js';
import { randomOf } from '../support/client/random.js';

/*
 * Two devices that do things at random, over a network that loses requests and answers, with keepers that fail and
 * processes that are killed. Whatever happens: a message is heard unless its own writer has put another in its place;
 * none is written over by the other device before that has heard it; each takes effect once, and what was told of it is
 * true; they are heard in the order in which they were written.
 */

const RUNS = Number(process.env.RANDOM_RUNS ?? 100);
const FIRST_SEED = Number(process.env.RANDOM_SEED ?? 1);
const STEPS = 30;
const PUBLIC_URL = 'http://localhost/relay';

const pauseFor = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What one transfer goes through, as it is seen from outside. */
interface World {
  readonly random: () => number;
  readonly chance: (share: number) => boolean;
  readonly relayFetch: (request: Request) => Promise<Response>;
  /** Nothing is lost, fails or dies any more. */
  isCalm: boolean;
  secret: string;
  /** Messages that took effect, in order; `wasHeard` tells of the one before, when this one was sent. */
  readonly applied: { readonly by: Device; readonly text: string; readonly known: ReadonlySet<string> }[];
  readonly trace: string[];
}

/** A device, its disk, and the process that runs on it. */
interface Device {
  readonly name: 'sender' | 'receiver';
  readonly process: { isDead: boolean; number: number };
  disk: TransferState | undefined;
  /** What its app has heard, and in which of its processes. */
  readonly heard: { readonly text: string; readonly process: number }[];
  /** What its app has heard and not lost in a kill before it called again. */
  readonly known: Set<string>;
  /** What its app has and has not called again since. */
  readonly inHand: Set<string>;
  /** What it was told of its own messages. */
  readonly told: Map<string, string>;
  /** The message that was unreachable: an app gives it again. */
  owed: string | undefined;
  written: number;
}

const newDevice = (name: Device['name']): Device => ({
  name,
  process: { isDead: false, number: 0 },
  disk: undefined,
  heard: [],
  known: new Set(),
  inHand: new Set(),
  told: new Map(),
  owed: undefined,
  written: 0,
});

/** Keeper and network of one process of a device. */
function processOf(device: Device, world: World) {
  const { chance, random } = world;
  device.process.isDead = false;
  device.process.number += 1;
  const { number } = device.process;
  /** The process dies at some of the things that it does; after that it does nothing. */
  const step = (): void => {
    if (device.process.number !== number) throw new Error('killed');
    if (!world.isCalm && chance(0.01)) device.process.isDead = true;
    if (device.process.isDead) throw new Error('killed');
  };
  const lose = (what: string): void => {
    if (!world.isCalm && chance(0.1)) throw new TypeError(what);
  };
  const dawdle = (): Promise<void> => (chance(0.4) ? pauseFor(random() * 4) : Promise.resolve());
  const onState = async (state: TransferState): Promise<void> => {
    const json = JSON.stringify(state);
    step();
    if (!world.isCalm && chance(0.04)) throw new Error('disk full');
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
    const response = await world.relayFetch(new Request(input, init));
    if (init?.method === 'PUT' && response.status === 200) {
      const opened = await open(JSON.parse(String(init.body)).payload, world.secret);
      world.applied.push({ by: device, text: JSON.parse(new TextDecoder().decode(opened)).content.text, known });
      world.trace.push(`${device.name} wrote ${world.applied.at(-1)?.text}`);
    }
    await dawdle();
    step();
    lose('its answer lost');
    return response;
  };
  return { onState, fetch: network, retryTimeoutMs: 30, retryDelayMs: 2, pollMs: 4, timeoutMs: 1000 };
}

/** One thing that an app does. What goes wrong is noted; the app goes on. */
function app(device: Device, share: SentShare | ReceivedShare, world: World) {
  const { chance, random, trace } = world;
  const { number } = device.process;
  const isAlive = (): boolean => !device.process.isDead && device.process.number === number;
  /** What the app has is dealt with by its next call. */
  const called = (): void => device.inHand.clear();
  const fail = (what: string, error: unknown): void => {
    const { code = (error as Error).message } = error as TransferError;
    if (isAlive()) trace.push(`${device.name} ${what}: ${code}`);
    if (!(error instanceof TransferError)) return;
    expect(['unreachable', 'conflict'], `${what}: ${error.message}`).toContain(error.code);
  };
  const hear = (message: Message | undefined): void => {
    if (message === undefined || !isAlive()) return;
    const text = String(textOf(message));
    device.heard.push({ text, process: number });
    device.known.add(text);
    device.inHand.add(text);
    // What it had owed may be carried out by now; given again it would be another answer.
    device.owed = undefined;
    trace.push(`${device.name} heard ${text}`);
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
    const text = device.owed ?? `${device.name} ${++device.written}`;
    device.owed = undefined;
    try {
      await share.reply(words(text));
      if (isAlive()) device.told.set(text, 'done');
    } catch (error) {
      fail(`write of ${text}`, error);
      if (!isAlive() || !(error instanceof TransferError)) return;
      device.told.set(text, error.code);
      if (error.code === 'unreachable') device.owed = text;
    }
  };
  return { read, write, isAlive };
}

/** The app of one device: started again whenever it was killed. */
async function live(device: Device, start: () => Promise<SentShare | ReceivedShare>, world: World): Promise<void> {
  let steps = 0;
  const isOver = (): boolean => steps >= STEPS;
  while (!isOver()) {
    let share: SentShare | ReceivedShare;
    try {
      share = await start();
    } catch (error) {
      world.trace.push(`${device.name} start: ${(error as TransferError).code ?? (error as Error).message}`);
      steps += 1;
      continue;
    }
    const { read, write, isAlive } = app(device, share, world);
    while (isAlive() && !isOver()) {
      steps += 1;
      const dice = world.random();
      if (dice < 0.45) await read();
      else if (dice < 0.75) await write();
      else if (dice < 0.9) await Promise.all(world.chance(0.5) ? [read(), write()] : [write(), read()]);
      else await Promise.all([read(), read()]);
    }
    if (isAlive()) continue;
    world.trace.push(`${device.name} was killed`);
    // It had not dealt with these: it is to hear them again.
    for (const text of device.inHand) device.known.delete(text);
    device.inHand.clear();
    device.owed = undefined;
  }
}

/** One transfer; all of what is above is checked at its end. */
async function transfer(seed: number): Promise<void> {
  const random = randomOf(seed);
  const relay = createRelay({ publicUrl: PUBLIC_URL });
  const world: World = {
    random,
    chance: (share) => random() < share,
    relayFetch: async (request) => relay.fetch(request),
    isCalm: true,
    secret: '',
    applied: [],
    trace: [],
  };
  const [sending, receiving] = [newDevice('sender'), newDevice('receiver')];
  const first = await hastySender(PUBLIC_URL, processOf(sending, world)).share(words('sender 0'), DISPLAY, {
    accessRights: 'RWD',
  });
  world.secret = parseShareUrl(first.url).secret ?? '';
  world.applied.push({ by: sending, text: 'sender 0', known: new Set() });
  const startSender = async () =>
    hastySender(PUBLIC_URL, processOf(sending, world)).resume(sending.disk as TransferState);
  const startReceiver = async () => {
    const receiver = hastyReceiver(processOf(receiving, world));
    return receiving.disk === undefined ? receiver.open(first.url) : receiver.resume(receiving.disk);
  };
  // A receiver is bound by a read before it can write.
  const bound = await startReceiver();
  await app(receiving, bound, world).read();
  while (!bound.state.bound) await app(receiving, bound, world).read();

  world.isCalm = false;
  await Promise.all([live(sending, startSender, world), live(receiving, startReceiver, world)]);
  world.isCalm = true;
  for (const device of [sending, receiving, sending, receiving]) {
    device.inHand.clear();
    const start: () => Promise<SentShare | ReceivedShare> = device === sending ? startSender : startReceiver;
    // The first start may be told that what was under way is a conflict.
    const { check } = await start().catch(start);
    for (let message = await check(); message !== undefined; message = await check()) {
      device.heard.push({ text: String(textOf(message)), process: device.process.number });
      device.known.add(String(textOf(message)));
    }
  }
  await relay.close();

  const story = `seed ${seed}\n${world.trace.join('\n')}\n`;
  const texts = world.applied.map(({ text }) => text);
  expect(new Set(texts).size, `${story}each takes effect once`).toBe(texts.length);
  for (const [at, { by, text }] of world.applied.entries()) {
    const after = world.applied[at + 1];
    const other = by === sending ? receiving : sending;
    if (after !== undefined && after.by !== by) {
      expect(after.known.has(text), `${story}${text} is heard before ${after.text} takes its place`).toBe(true);
    }
    if (after === undefined) expect(other.known.has(text), `${story}${text} is heard`).toBe(true);
  }
  for (const device of [sending, receiving]) {
    for (const [text, told] of device.told) {
      if (told === 'done') expect(texts, `${story}${text} was said to be done`).toContain(text);
      if (told === 'conflict') expect(texts, `${story}${text} was said to conflict`).not.toContain(text);
    }
    let last = { at: -1, process: 0 };
    for (const { text, process } of device.heard) {
      const at = texts.indexOf(text);
      const least = process === last.process ? last.at + 1 : last.at;
      expect(at, `${story}${text} is heard by the ${device.name} in its place, and once`).toBeGreaterThanOrEqual(least);
      last = { at, process };
    }
  }
}

describe('transfers at random', () => {
  it('lose, double and reorder nothing, whatever fails and whoever is killed', { timeout: 60_000 }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 20) {
      const seeds = Array.from({ length: Math.min(20, FIRST_SEED + RUNS - seed) }, (_, at) => seed + at);
      await Promise.all(seeds.map(transfer));
    }
  });
});
