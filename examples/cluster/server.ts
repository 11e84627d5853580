import { fileURLToPath } from 'node:url';
import { storeFromUrl } from 'credential-relay';
import { MEMBER_ARGUMENT, runMember } from './fleet.js';
import { openRedis } from './redis.js';
import { runScenario } from './scenario.js';

const TIMEOUT_MS = 30_000;

/** Returns the exit code: 0 for success, 1 for a failed request or transfer, 2 without a Redis. */
async function main(): Promise<number> {
  const redis = await openRedis(process.env);
  if (redis === undefined) {
    console.log('This needs a Redis: install redis-server (apt-get install redis-server, brew install redis),');
    console.log('or set REDIS_URL, such as redis://127.0.0.1:6379.');
    return 2;
  }
  try {
    const error = await checkStore(redis.url);
    if (error !== undefined) {
      console.log(`REDIS_URL: ${error}`);
      return 2;
    }
    const options = { storeUrl: redis.url, program: fileURLToPath(import.meta.url), print: console.log };
    return (await runScenario(options)) ? 0 : 1;
  } finally {
    await redis.close();
  }
}

/** Returns the error of the store, or `undefined` if it answers. */
async function checkStore(url: string): Promise<string | undefined> {
  try {
    const store = storeFromUrl(url);
    await store.ping().finally(() => store.close());
    return undefined;
  } catch (error) {
    return error instanceof TypeError ? error.message : 'no Redis answers there.';
  }
}

// The relay processes run the same program with an argument.
if (process.argv[2] === MEMBER_ARGUMENT) {
  await runMember();
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  setTimeout(() => {
    console.log(`The example did not end within ${TIMEOUT_MS / 1000} s.`);
    process.exit(1);
  }, TIMEOUT_MS).unref();
  process.exitCode = await main();
}
