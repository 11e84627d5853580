import { runScenario } from './scenario.js';
import { startServers } from './servers.js';

// oidc-provider, which is loaded later, says at length that its defaults are for development. That is what this is.
for (const level of ['info', 'warn'] as const) console[level] = () => undefined;

const print = (line: string): void => console.log(line);
const world = await startServers();
try {
  await runScenario(world, print);
} catch (error) {
  process.exitCode = 1;
  print(`\nThis went otherwise: ${error instanceof Error ? error.message : 'an unknown error'}\n`);
}

if (process.argv.includes('--serve')) {
  print(`login ${world.login}\nbackend ${world.backend}\nrelay ${world.relay}\nStop with Ctrl-C.`);
  process.once('SIGINT', () => void world.close());
} else {
  await world.close();
}
