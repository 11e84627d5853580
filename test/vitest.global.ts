import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NOT_EXERCISED = fileURLToPath(new URL('../.cache/not-exercised.txt', import.meta.url));

/** Begins a run with a clean list of what it could not exercise, and ends it by saying what is on it. */
export function setup(): () => void {
  rmSync(NOT_EXERCISED, { force: true });
  return () => {
    if (!existsSync(NOT_EXERCISED)) return;
    const lines = new Set(readFileSync(NOT_EXERCISED, 'utf8').trim().split('\n'));
    process.stdout.write(`\nNot exercised on this machine:\n${[...lines].map((line) => `  ${line}\n`).join('')}`);
  };
}
