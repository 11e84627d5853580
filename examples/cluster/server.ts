import { fileURLToPath } from 'node:url';
import { storeFromUrl } from 'credential-relay';
import { MEMBER_ARGUMENT, runMember } from './fleet.js';
import { openRedis } from './redis.js';
import { runScenario } from './scenario.js';

/** Milliseconds after which something hangs. */
const TIMEOUT_MS = 30_000;

/** Tells the story; gives the exit code: 0 if all went well, 1 if not, 2 without a Redis. */
async function main(): Promise<number> {
  const redis = await openRedis(process.env);
  if (redis === undefined) {
    console.log('This needs a Redis: install redis-server (apt-get install redis-server, brew install redis),');
    console.log('or set REDIS_URL, such as redis://127.0.0.1:6379.');
    return 2;
  }
  try {
    const complaint = await checkStore(redis.url);
    if (complaint !== undefined) {
      console.log(`REDIS_URL: ${complaint}`);
      return 2;
    }
    const options = { storeUrl: redis.url, program: fileURLToPath(import.meta.url), print: console.log };
    return (await runScenario(options)) ? 0 : 1;
  } finally {
    await redis.close();
  }
}

/** What is wrong with a store; `undefined` if it answers. */
async function checkStore(url: string): Promise<string | undefined> {
  try {
    const store = storeFromUrl(url);
    await store.ping().finally(() => store.close());
    return undefined;
  } catch (error) {
    return error instanceof TypeError ? error.message : 'no Redis answers there.';
  }
}

// One program for all: the relay processes are started from it by an argument.
if (process.argv[2] === MEMBER_ARGUMENT) {
  await runMember();
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  setTimeout(() => {
    console.log(`It hangs: not over after ${TIMEOUT_MS / 1000} s.`);
    process.exit(1);
  }, TIMEOUT_MS).unref();
  process.exitCode = await main();
}
