import { createRelay, type RelayOptions } from 'credential-relay';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compare,
  exchange,
  member,
  PUBLIC_URL,
  parsed,
  type Reply,
  requestOf,
  START,
  type Tokens,
  urlLinkOf,
  WITHIN,
} from '../support/property/harness.js';
import { type Command, type State, step } from '../support/property/model.js';
import {
  type Config,
  type Plan,
  type Profile,
  plainly,
  type RequestPlan,
  sequences,
} from '../support/property/plans.js';

const KEY = Buffer.alloc(32, 7).toString('base64url');
const UNKNOWN_URL = `${PUBLIC_URL}/v1/m/0b5fd8a6-3c1d-4e2f-9a7b-1c2d3e4f5a6b`;
const LINK = /^http:\/\/localhost\/relay\/v1\/m\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Claims of all UUID versions. The first claim is the sender's. */
const claimOf = (who: number): string =>
  `a${who.toString(16).padStart(7, '0')}-00c0-${who % 9}d11-${who % 8}abc-00000000000f`;

/** A mailbox: the state of the model, and the relay's URL and tokens. */
interface Box {
  readonly claim: string;
  readonly requestId: string;
  url: string;
  state: State;
  tokens: Tokens;
  /** The number of released receivers. */
  releases: number;
}

/** Sends a sequence to a relay and to the model. Throws at the first answer that differs. */
async function play(plans: readonly Plan[], devices: number, options: Partial<RelayOptions>): Promise<void> {
  let now = START;
  const relay = createRelay({ publicUrl: PUBLIC_URL, clock: () => now, ...options });
  const boxes: Box[] = [];
  const ids: string[] = [];
  const log: string[] = [];
  const history: { readonly command: Command; readonly box: Box | undefined }[] = [];

  /** Deadlines are whole seconds. A relative deadline is exact only if the clock is at a whole second. */
  const toWholeSecond = (): void => {
    now = Math.ceil(now / 1000) * 1000;
  };
  const idFor = (back: number): string => {
    const old = back === 0 ? undefined : ids.at(-back);
    if (old === undefined) ids.push(`id-${ids.length}`);
    return old ?? ids.at(-1) ?? '';
  };
  const deadlineOf = (config: Config): number | undefined =>
    config === undefined ? undefined : Math.ceil(now / 1000 + config.seconds) * 1000;

  const content = (): { readonly data: string; readonly title: string } => ({
    data: Buffer.from(`message ${log.length}`).toString('base64'),
    title: `Title ${log.length}`,
  });

  function commandOf(plan: RequestPlan, box: Box | undefined): Command {
    const isCreate = plan.operation === 'create';
    const receiver = box?.state?.kind === 'mailbox' ? box.state.receiver?.claim : undefined;
    const next = claimOf(1 + ((box?.releases ?? 0) % devices));
    const who = plan.who === 'receiver' ? (receiver ?? next) : plan.who === 'next' ? next : claimOf(plan.who);
    const claim = isCreate && box !== undefined ? box.claim : who;
    const version = box?.state?.kind === 'mailbox' ? box.state.version : 0;
    const number = plan.known === 'current' ? version : plan.known === 'old' ? version - 1 : -1;
    // The relay has not shown every version.
    const known = plan.known === 'none' ? undefined : box?.tokens.has(number) ? number : -1;
    const deadline = deadlineOf(plan.config);
    const command: Command = {
      operation: plan.operation,
      claim: plan.upperCase ? claim.toUpperCase() : claim,
      requestId: isCreate && box !== undefined ? box.requestId : idFor(plan.idBack),
      ...content(),
      ...(known === undefined || isCreate ? {} : { knownVersion: known }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(plan.config?.rights === undefined ? {} : { rights: plan.config.rights }),
    };
    return spoiled(command, plan);
  }

  function request(plan: RequestPlan): Promise<void> {
    if (plan.operation === 'create' || plan.operation === 'delete') toWholeSecond();
    const wanted = plan.box === 'none' ? undefined : boxes[plan.box % Math.max(boxes.length, 1)];
    const command = commandOf(plan, wanted);
    return perform(command, plan.operation === 'create' ? (wanted ?? openBox(command)) : wanted);
  }

  async function retry(back: number): Promise<void> {
    const before = history.at(-back);
    if (before === undefined) return;
    if (before.command.operation === 'delete') toWholeSecond();
    // A repeated create would send its old expiration, which may have passed. `box` of a create covers repeated
    // creates.
    if (before.command.operation !== 'create') await perform({ ...before.command, ...content() }, before.box);
  }

  async function perform(command: Command, box: Box | undefined): Promise<void> {
    history.push({ command, box });
    log.push(`${new Date(now).toISOString()} ${JSON.stringify(command)} on ${box === undefined ? 'unknown' : box.url}`);

    const state = box?.state;
    const [after, answer] = step(state, command, now);
    const reply = await exchange(relay, requestOf(command, box?.url ?? UNKNOWN_URL, box?.tokens ?? new Map()));
    const isNew = command.operation === 'create' && answer.refused === undefined && answer.status === 200;
    const known = box === undefined || isNew ? new Map() : box.tokens;
    const outcome = compare(command, answer, reply, known);
    const fault = typeof outcome === 'string' ? outcome : linkFault(command, box, urlLinkOf(reply), isNew);
    if (fault !== undefined) expect.fail(`${fault}, after\n${log.join('\n')}`);
    if (box === undefined || typeof outcome === 'string') return;
    box.state = after;
    box.tokens = outcome;
    if (command.operation === 'relinquish' && after !== state) box.releases += 1;
    if (isNew) Object.assign(box, { url: urlLinkOf(reply) ?? '', releases: 0 });
    if (isNew && !boxes.includes(box)) boxes.push(box);
  }

  /** The mailbox of a create: the same claim and Request-ID identify the same mailbox. */
  function openBox({ claim = '', requestId = '' }: Command): Box {
    const same = boxes.find((one) => one.claim === claim.toLowerCase() && one.requestId === requestId);
    return same ?? { claim: claim.toLowerCase(), requestId, url: '', state: undefined, tokens: new Map(), releases: 0 };
  }

  function linkFault(command: Command, box: Box | undefined, link: string | undefined, isNew: boolean) {
    if (command.operation !== 'create' || link === undefined) return undefined;
    if (!LINK.test(link)) return `urlLink ${link}`;
    if (!isNew) return link === box?.url ? undefined : 'another urlLink for a retry';
    return boxes.some((one) => one !== box && one.url === link) ? 'one urlLink for two mailboxes' : undefined;
  }

  try {
    for (const plan of plans) {
      if (plan.kind === 'request') await request(plan);
      else if (plan.kind === 'retry') await retry(plan.back);
      else if (typeof plan.ms === 'number') now += plan.ms;
      else now = Math.max(now, (boxes[0]?.state?.deadline ?? now) - (plan.ms === 'before' ? 1 : 0));
    }
  } finally {
    await relay.close();
  }
}

function spoiled(command: Command, { fault }: RequestPlan): Command {
  const { claim: _claim, ...claimless } = command;
  const { requestId: _requestId, ...idless } = command;
  switch (fault) {
    case 'claim missing':
      return claimless;
    case 'claim malformed':
      return { ...command, claim: 'a0000000-00c0-4d11-8abc-00000000000' };
    case 'claim nil':
      return { ...command, claim: '00000000-0000-0000-0000-000000000000' };
    case 'id missing':
      return idless;
    case 'id invalid':
      return { ...command, requestId: 'not one word' };
    case 'body':
      return { ...command, badBody: true };
    default:
      return command;
  }
}

const EVERYTHING: Profile = {
  devices: 4,
  weights: { create: 2, preview: 2, read: 8, update: 8, relinquish: 4, delete: 1, retry: 6, wait: 1 },
  idsBack: 12,
  faultIn: 12,
};

/** Long enough for more than 16 updates by one device, and for retries of forgotten updates. */
const UPDATES: Profile = {
  devices: 1,
  weights: { create: 0, preview: 0, read: 3, update: 20, relinquish: 0, delete: 0, retry: 8, wait: 0 },
  prelude: [
    plainly('read', 'next'),
    ...Array.from({ length: 15 }, () => [plainly('update', 0), plainly('update', 'receiver')]).flat(),
  ],
  idsBack: 40,
  faultIn: 1_000,
};

/** Enough devices for more than 16 released receivers. */
const RELEASES: Profile = {
  devices: 17,
  weights: { create: 0, preview: 0, read: 14, update: 2, relinquish: 10, delete: 0, retry: 4, wait: 0 },
  prelude: Array.from({ length: 15 }, () => [plainly('read', 'next'), plainly('relinquish', 'receiver')]).flat(),
  idsBack: 30,
  faultIn: 1_000,
};

const ENDINGS: Profile = {
  devices: 2,
  weights: { create: 8, preview: 1, read: 2, update: 1, relinquish: 0, delete: 3, retry: 1, wait: 5 },
  idsBack: 4,
  faultIn: 1_000,
};

const keyed: Partial<RelayOptions> = { keys: [KEY] };

test.each([
  ['every operation, in clear', EVERYTHING, {}, 90],
  ['every operation, with keys', EVERYTHING, keyed, 90],
  ['many updates, in clear', UPDATES, {}, 35],
  ['many updates, with keys', UPDATES, keyed, 35],
  ['many released devices, in clear', RELEASES, {}, 35],
  ['many released devices, with keys', RELEASES, keyed, 35],
  ['endings, in clear', ENDINGS, {}, 80],
  ['endings, with keys', ENDINGS, keyed, 80],
] as const)('sequences: %s', async (_name, profile, options, numRuns) => {
  await fc.assert(
    fc.asyncProperty(sequences(profile), (plans) => play(plans, profile.devices, options)),
    { ...WITHIN, numRuns },
  );
});

test('a mailbox lives for 48 h in whole seconds by default, and ends at its deadline', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 86_400_000 }), async (sinceStart) => {
      let now = START + sinceStart;
      const relay = createRelay({ publicUrl: PUBLIC_URL, clock: () => now });
      const command: Command = { operation: 'create', claim: claimOf(0), requestId: 'x', data: 'AAAA' };
      const url = urlLinkOf(await exchange(relay, requestOf(command, '', new Map()))) ?? '';
      const read = (): Promise<Reply> => exchange(relay, requestOf({ ...command, operation: 'read' }, url, new Map()));
      const expiration = String(member(parsed((await read()).text), 'expiration'));
      const deadline = Date.parse(expiration);
      expect(expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Math.abs(deadline - now - 172_800_000)).toBeLessThan(1_000);
      now = deadline - 1;
      expect((await read()).status).toBe(200);
      now = deadline;
      expect((await read()).status).toBe(404);
      await relay.close();
    }),
    { ...WITHIN, numRuns: 50 },
  );
});
