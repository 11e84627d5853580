import { createRelay, type MailboxStore, type Relay } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compare,
  exchange,
  PUBLIC_URL,
  type Reply,
  requestOf,
  START,
  type Tokens,
  urlLinkOf,
  WITHIN,
} from '../support/property/harness.js';
import { type Command, type Operation, type State, step } from '../support/property/model.js';
import { rights } from '../support/property/plans.js';

const KEY = Buffer.alloc(32, 9).toString('base64url');
const DAY = 86_400_000;
const claimOf = (who: number): string => `${who}0000000-1111-4222-8333-444444444444`;

/** An operation of a batch, before the model knows the versions. */
interface Draft {
  readonly operation: Operation;
  readonly who: number;
  readonly id: number;
  readonly known: 'none' | 'some' | 'never';
  readonly relay: number;
}

/** One state that is consistent with all answers so far. */
interface World {
  readonly state: State;
  readonly tokens: Tokens;
}

interface Event {
  readonly command: Command;
  readonly reply: Reply;
}

/**
 * Returns each state that some order of the events can produce from `worlds`. Returns no state if no order explains the
 * answers.
 */
function explain(worlds: readonly World[], events: readonly Event[], now: number): World[] {
  const found = new Map<string, World>();
  const search = (world: World, left: readonly Event[]): void => {
    if (left.length === 0) found.set(JSON.stringify([world.state, [...world.tokens]]), world);
    for (const event of left) {
      const [state, answer] = step(world.state, event.command, now);
      const tokens = compare(event.command, answer, event.reply, world.tokens);
      if (typeof tokens !== 'string') {
        const others = left.filter((one) => one !== event);
        search({ state, tokens }, others);
      }
    }
  };
  for (const world of worlds) search(world, events);
  return [...found.values()];
}

/** A store that delays each call and each answer by some turns of the event loop. */
function slowStore(store: MailboxStore, turns: readonly number[]): MailboxStore {
  let calls = 0;
  const pause = async (): Promise<void> => {
    const count = turns[calls++ % turns.length] ?? 0;
    for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const slowed = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    await pause();
    const answer = await call();
    await pause();
    return answer;
  };
  return {
    ...store,
    get: (...args) => slowed(() => store.get(...args)),
    create: (...args) => slowed(() => store.create(...args)),
    replace: (...args) => slowed(() => store.replace(...args)),
  };
}

const draft: fc.Arbitrary<Draft> = fc.record({
  operation: fc.oneof(
    { weight: 5, arbitrary: fc.constant('read' as const) },
    { weight: 5, arbitrary: fc.constant('update' as const) },
    { weight: 3, arbitrary: fc.constant('relinquish' as const) },
    { weight: 1, arbitrary: fc.constantFrom('create' as const, 'preview' as const, 'delete' as const) },
  ),
  who: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 3 })),
  id: fc.nat(3),
  known: fc.constantFrom('none', 'none', 'some', 'never'),
  relay: fc.nat(1),
});
const batch = fc.array(draft, { minLength: 2, maxLength: 6, size: 'max' });

const scenario = fc.record({
  /** The number of creates of the mailbox in the first batch. */
  creates: fc.integer({ min: 1, max: 4 }),
  rights: fc.oneof({ weight: 3, arbitrary: fc.constant('RWD') }, { weight: 1, arbitrary: rights }),
  /** Whether a receiver is bound before the first batch of all operations. */
  bound: fc.boolean(),
  batches: fc.array(batch, { minLength: 1, maxLength: 4, size: 'max' }),
  turns: fc.array(fc.nat(4), { minLength: 1, maxLength: 24, size: 'max' }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

async function play({ creates, rights, bound, batches }: Scenario, relays: readonly Relay[]): Promise<void> {
  let count = 0;
  let url = '';
  let worlds: World[] = [{ state: undefined, tokens: new Map() }];
  const log: string[] = [];

  function commandOf({ operation, who, id, known }: Draft): Command {
    const tokens = worlds[0]?.tokens ?? new Map<number, string>();
    const newest = Math.max(-1, ...tokens.keys());
    const isCreate = operation === 'create';
    return {
      operation,
      claim: claimOf(isCreate ? 0 : who),
      requestId: isCreate ? 'create' : `id-${id}`,
      data: Buffer.from(`message ${count++}`).toString('base64'),
      deadline: START + DAY,
      rights,
      ...(known === 'none' ? {} : { knownVersion: known === 'some' ? newest : -1 }),
    };
  }

  /** Runs the operations concurrently, then one read by the sender, which shows the outcome. */
  async function run(drafts: readonly Draft[]): Promise<void> {
    const tokens = worlds[0]?.tokens ?? new Map<number, string>();
    const send = async (one: Draft): Promise<Event> => {
      const command = commandOf(one);
      const relay = relays[one.relay % relays.length] ?? expect.fail('no relay');
      return { command, reply: await exchange(relay, requestOf(command, url, tokens)) };
    };
    const events = await Promise.all(drafts.map(send));
    for (const { command, reply } of events) {
      const { operation, claim, requestId, knownVersion } = command;
      const version = `${knownVersion ?? '-'} ${reply.headers.get('Mailbox-Version')}`;
      log.push(`  ${operation} ${claim} ${requestId} ${command.data} ${version}: ${reply.status} ${reply.text}`);
    }
    const links = new Set(events.map(({ reply }) => urlLinkOf(reply)).filter((link) => link !== undefined));
    if (url !== '') links.add(url);
    if (links.size > 1) expect.fail(`several urlLinks for one create: ${[...links]}`);
    worlds = explain(worlds, events, START);
    if (worlds.length === 0) expect.fail(`no order explains\n${log.join('\n')}`);
    url = [...links][0] ?? url;
    log.push('then');
  }

  const plain = { known: 'none', relay: 0, id: 9 } as const;
  const look: Draft = { ...plain, operation: 'read', who: 0 };
  const openings = Array.from(
    { length: creates },
    (_, relay): Draft => ({ ...plain, operation: 'create', who: 0, relay }),
  );
  await run(openings);
  if (bound) await run([{ ...plain, operation: 'read', who: 1 }]);
  for (const drafts of batches) {
    await run(drafts);
    await run([look]);
  }
}

/** Long deadlines: a busy machine must not cause store time-outs. */
const PATIENT = { storeTimeoutMs: 60_000, storeBudgetMs: 60_000 };

const relayOn = (store: MailboxStore | Map<string, unknown>): Relay =>
  createRelay({ publicUrl: PUBLIC_URL, keys: [KEY], store, clock: () => START, ...PATIENT });

const slow = (turns: readonly number[]): MailboxStore =>
  slowStore(memoryStore(new Map(), { clock: () => START }), turns);

const SETTINGS: readonly (readonly [name: string, make: (turns: readonly number[]) => Relay[], numRuns: number])[] = [
  ['two relays on one Map', () => [new Map()].flatMap((map) => [relayOn(map), relayOn(map)]), 60],
  ['two relays on one slow store', (turns) => [slow(turns)].flatMap((one) => [relayOn(one), relayOn(one)]), 100],
  ['one relay on a slow store', (turns) => [relayOn(slow(turns))], 30],
];

test.each(SETTINGS)('concurrent operations look like some sequence: %s', async (_name, make, numRuns) => {
  await fc.assert(
    fc.asyncProperty(scenario, async (one) => {
      const relays = make(one.turns);
      try {
        await play(one, relays);
      } finally {
        await Promise.all(relays.map((relay) => relay.close()));
      }
    }),
    { ...WITHIN, numRuns },
  );
});
