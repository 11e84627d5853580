import { runScenario } from './scenario.js';
import { startServers } from './servers.js';

// oidc-provider logs warnings about its defaults for development, which this example uses.
for (const level of ['info', 'warn'] as const) console[level] = () => undefined;

const print = (line: string): void => console.log(line);
const servers = await startServers();
try {
  await runScenario(servers, print);
} catch (error) {
  process.exitCode = 1;
  print(`\nThe scenario failed: ${error instanceof Error ? error.message : 'unknown error'}\n`);
}

if (process.argv.includes('--serve')) {
  print(`login ${servers.login}\nbackend ${servers.backend}\nrelay ${servers.relay}\nStop with Ctrl-C.`);
  process.once('SIGINT', () => void servers.close());
} else {
  await servers.close();
}
