/** Two devices that are bound, in a process of their own: reads, and waits that an update ends, one after another. */
import { once } from 'node:events';
import { newAgent, newMailbox, pause, read, update, wait } from './devices.mjs';

const [{ base }] = /** @type {[{ base: string }]} */ (await once(process, 'message'));
process.on('disconnect', () => process.exit());

const [readers, waiters, writers] = [newAgent(), newAgent(), newAgent()];
const [mailbox, waited] = await Promise.all([newMailbox(writers, base, 2_000), newMailbox(writers, base, 2_000)]);

/** Milliseconds between two reads, and between the begin of a wait and the update that ends it. */
const PAUSE_MS = 10;

/** @type {Record<string, (more: any) => Promise<unknown>>} */
const answers = {
  /** Both go on for `ms`. */
  async go({ ms }) {
    const end = performance.now() + ms;
    /** @type {{ reads: number[], wakes: number[], wrong: string[] }} */
    const seen = { reads: [], wakes: [], wrong: [] };
    async function reading() {
      while (performance.now() < end) {
        const began = performance.now();
        const { status } = await read(readers, base, mailbox.path, mailbox.receiver);
        seen.reads.push(performance.now() - began);
        if (status !== 200) seen.wrong.push(`read ${status}`);
        await pause(PAUSE_MS);
      }
    }
    async function waiting() {
      while (performance.now() < end) {
        const held = wait(waiters, base, waited, 30);
        await pause(5 * PAUSE_MS);
        const began = performance.now();
        const { status } = await update(writers, base, waited, 2_000);
        if (status !== 200) seen.wrong.push(`update ${status}`);
        const { status: answer, version } = await held;
        seen.wakes.push(performance.now() - began);
        if (answer !== 200) seen.wrong.push(`wait ${answer}`);
        waited.version = version;
      }
    }
    await Promise.all([reading(), waiting()]);
    return seen;
  },
};

process.on('message', async (/** @type {{ id: number, ask: string }} */ { id, ask, ...more }) => {
  process.send?.({ id, answer: await answers[ask]?.(more) });
});
process.send?.({ path: mailbox.path, version: waited.version, waited: waited.path });
