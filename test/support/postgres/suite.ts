import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '../process/built.js';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from './pgbouncer.js';
import { type OwnPostgresServer, type PostgresServer, startOwnPostgres, startPostgres } from './server.js';

/** Defines tests on the Postgres of TEST_POSTGRES_URL, or on a new one. Await the call at the top of a test file. */
export function describeOnPostgres(name: string, define: (server: PostgresServer) => void): Promise<void> {
  return describeOn(name, startPostgres, define);
}

/** Defines tests on a new Postgres, which they may stop, halt and kill. */
export function describeOnOwnPostgres(name: string, define: (server: OwnPostgresServer) => void): Promise<void> {
  return describeOn(name, startOwnPostgres, define);
}

/** Defines tests on a new Postgres behind a new PgBouncer in transaction mode. */
export function describeOnPgBouncer(
  name: string,
  define: (server: OwnPostgresServer, pooler: PgBouncer) => void,
): Promise<void> {
  if (!hasPgBouncer()) {
    it(`${name}: a PgBouncer can be had`, () => reportNotExercised(name, 'pgbouncer is not installed.', 'pgbouncer'));
    return Promise.resolve();
  }
  let pooler: PgBouncer;
  const start = async (): Promise<OwnPostgresServer> => {
    const server = await startOwnPostgres();
    pooler = await startPgBouncer(server.url);
    return server;
  };
  return describeOn(name, start, (server) => {
    define(server, pooler);
    afterAll(() => pooler.close());
  });
}

async function describeOn<Server extends PostgresServer>(
  name: string,
  start: () => Promise<Server>,
  define: (server: Server) => void,
): Promise<void> {
  let server: Server;
  try {
    server = await start();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    it(`${name}: a Postgres can be had`, () => reportNotExercised(name, reason));
    return;
  }
  describe(`${name} (${server.kind})`, () => {
    define(server);
    afterAll(() => server.close());
  });
}

/** Reports tests that did not run because Postgres is missing. */
function reportNotExercised(name: string, reason: string, what = 'postgresql, or set TEST_POSTGRES_URL'): void {
  if (process.env.CI === 'true') expect.fail(reason);
  const cache = join(ROOT, '.cache');
  mkdirSync(cache, { recursive: true });
  const line = `Postgres was not exercised; ${name}: ${reason} To mend it: apt-get install ${what}.`;
  appendFileSync(join(cache, 'not-exercised.txt'), `${line.replaceAll('\n', ' ')}\n`);
}
