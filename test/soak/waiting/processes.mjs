/** Processes of a proof, each forked, told its settings by a message, and asked by messages. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL'); // A proof that is broken off leaves nothing behind.
});

/** Most milliseconds for an answer. */
const PATIENCE_MS = 120_000;

/**
 * @typedef {object} Process
 * @property {any} hello the first message
 * @property {(ask: string, more?: object) => Promise<any>} ask
 * @property {() => Promise<void>} kill kill -9, by its pid; resolves when it has ended
 */

/**
 * Starts `program` of this folder.
 * @param {string} program
 * @param {object} settings
 * @returns {Promise<Process>}
 */
export async function startProcess(program, settings) {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(path, {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.add(child);
  /** @type {Map<number, (answer: any) => void>} */
  const asked = new Map();
  let last = 0;
  child.send(settings);
  const [hello] = await once(child, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
  child.on('message', (/** @type {{ id: number, answer: any }} */ { id, answer }) => {
    asked.get(id)?.(answer);
    asked.delete(id);
  });
  return {
    hello,
    ask(ask, more = {}) {
      last += 1;
      child.send({ id: last, ask, ...more });
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${program}: no answer to ${ask}`)), PATIENCE_MS);
        asked.set(last, (answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
      });
    },
    async kill() {
      children.delete(child);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
