#!/usr/bin/env node
/*
 * The entry of the command. It imports the rest dynamically: an older Node cannot link the static imports of the rest,
 * and would report an export of node:crypto instead of its own version.
 */

/** As in package.json, `engines`. */
const MINIMUM = [20, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
  const minimum = MINIMUM.join('.');
  process.stderr.write(`credential-relay: needs Node ${minimum} or newer; this is Node ${process.versions.node}\n`);
  process.exitCode = 1;
} else {
  const { run } = await import('./run.js');
  // The relative path is the same in src and in dist.
  await run(new URL('../../package.json', import.meta.url));
}
