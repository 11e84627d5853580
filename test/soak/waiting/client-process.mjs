/** The devices of a proof, in a process of their own: many mailboxes, and a reader that waits for each. */
import { once } from 'node:events';
import { inLanes, newAgent, newMailbox, update, wait } from './devices.mjs';

const [{ base, count, characters }] = /** @type {[{ base: string, count: number, characters: number }]} */ (
  await once(process, 'message')
);
process.on('disconnect', () => process.exit());

const [readers, writers] = [newAgent(), newAgent()];
/** @type {import('./devices.mjs').Mailbox[]} */
let mailboxes = [];
/** Outcomes of the waits, by status, and how many were lost with their connection. */
let outcomes = /** @type {Record<string, number>} */ ({});
/** @type {number[]} */
let times = [];
/** When the update of a mailbox was begun. @type {number[]} */
const began = [];
/** On a clock that all processes share, as far as that goes. */
const now = () => performance.timeOrigin + performance.now();
let lastAnswer = 0;

/** @type {Record<string, (more: any) => unknown>} */
const answers = {
  async open() {
    mailboxes = [];
    await inLanes(count, 16, async () => void mailboxes.push(await newMailbox(writers, base, characters)));
    return {};
  },
  reset() {
    outcomes = {};
    times = [];
    return {};
  },
  hold({ seconds, from, to }) {
    for (const [offset, mailbox] of mailboxes.slice(from, to).entries()) {
      const index = from + offset;
      wait(readers, base, mailbox, seconds).then(
        ({ status, version }) => {
          lastAnswer = now();
          times.push(performance.now() - (began[index] ?? 0));
          mailbox.version = version;
          outcomes[status] = (outcomes[status] ?? 0) + 1;
        },
        () => {
          outcomes.lost = (outcomes.lost ?? 0) + 1;
        },
      );
    }
    return {};
  },
  ended: () => ({ outcomes, times, lastAnswer, count: Object.values(outcomes).reduce((sum, some) => sum + some, 0) }),
  async updateAll() {
    await inLanes(count, 16, async (index) => {
      const mailbox = /** @type {import('./devices.mjs').Mailbox} */ (mailboxes[index]);
      began[index] = performance.now();
      await update(writers, base, mailbox, characters);
    });
    return {};
  },
};

process.on('message', async (/** @type {{ id: number, ask: string }} */ { id, ask, ...more }) => {
  process.send?.({ id, answer: await answers[ask]?.(more) });
});
process.send?.({});
