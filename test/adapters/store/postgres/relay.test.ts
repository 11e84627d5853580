import { randomBytes } from 'node:crypto';
import type { MailboxStore, Relay, RelayEvent } from 'credential-relay';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { afterEach, expect, it } from 'vitest';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';
import { createBody, device, sharedMailbox, somePayload, testRelay } from '../../../support/relay/relay.js';

const TABLE = 'credential_relay_mailbox';

await describeOnOwnPostgres('a relay on Postgres', (server) => {
  const opened: { relay: Relay; store: MailboxStore }[] = [];
  afterEach(async () => {
    for (const { relay, store } of opened.splice(0)) {
      await relay.close();
      await store.close();
    }
  });

  function open(url: string, schema: string): { relay: Relay; store: MailboxStore; causes: string[] } {
    const causes: string[] = [];
    const onEvent = (event: RelayEvent): void => {
      if (event.type === 'store.failed' && event.call !== 'ping') causes.push(event.cause);
    };
    const store = postgresStore(url, { schema, poolSize: 4 });
    const relay = testRelay({ store, keys: [randomBytes(32)], onEvent });
    opened.push({ relay, store });
    return { relay, store, causes };
  }

  /** Creates a role with only the rights that the statements grant, and returns its URL. */
  async function role(schema: string, ...statements: string[]): Promise<{ name: string; url: string }> {
    const name = `role_${schema.slice(-12)}`;
    await server.admin(
      [
        `create role ${name} login password 'of-the-role'`,
        ...statements.map((text) => text.replaceAll('ROLE', name)),
      ].join(';'),
    );
    const url = new URL(server.url);
    url.username = name;
    url.password = 'of-the-role';
    return { name, url: url.href };
  }

  it('the relay needs one statement for create, preview and a bound read, and two for bind, update, relinquish and delete', async () => {
    const counted = new URL(server.url);
    counted.searchParams.set('application_name', 'counted');
    counted.searchParams.set('options', '-c log_statement=all');
    const store = postgresStore(counted.href, { schema: server.freshSchema(), poolSize: 4 });
    await store.ping(); // The migration, once per process. The relay's check at start is off.
    const unchecked = { ...store, ping: async () => ({ clockSkewMs: 0 }) };
    const relay = testRelay({ store: unchecked, keys: [randomBytes(32)] });
    opened.push({ relay, store });

    let before = 0;
    let mark = 0;
    /** Returns the statements logged since the last call. Waits until the log is complete. */
    async function statements(): Promise<number> {
      mark += 1;
      await server.admin(`do $$ begin raise log 'mark-${mark}-here'; end $$`);
      await expect.poll(() => server.log().includes(`LOG:  mark-${mark}-here`), { timeout: 5_000 }).toBe(true);
      // The store publishes a change after the response.
      const all = server.log().match(/^counted\|LOG: {2}(statement|execute)(?!.*pg_notify)/gm)?.length ?? 0;
      const since = all - before;
      before = all;
      return since;
    }
    await statements();

    const [sender, receiver] = [device(relay), device(relay)];
    const created = await sender.create(createBody());
    const url: string = created.json.urlLink;
    const counts: Record<string, [status: number, statements: number]> = {
      create: [created.status, await statements()],
    };
    const operations = {
      preview: () => sender.preview(url),
      bind: () => receiver.read(url),
      'bound read': () => receiver.read(url),
      update: () => receiver.update(url),
      'read by the sender': () => sender.read(url),
      relinquish: () => receiver.relinquish(url),
      delete: () => sender.delete(url),
    };
    for (const [name, run] of Object.entries(operations)) {
      counts[name] = [(await run()).status, await statements()];
    }
    expect(counts).toEqual({
      create: [200, 1],
      preview: [200, 1],
      bind: [200, 2],
      'bound read': [200, 1],
      update: [200, 2],
      'read by the sender': [200, 1],
      relinquish: [200, 2],
      delete: [200, 2],
    });
  });

  it('20 concurrent processes create the table of the relay without an error', async () => {
    const schema = server.freshSchema();
    const url = new URL(server.url);
    url.searchParams.set('application_name', 'starting');
    const stores = Array.from({ length: 20 }, () => postgresStore(url.href, { schema, poolSize: 1 }));
    await Promise.all(stores.map((store) => store.ping()));
    await Promise.all(stores.map((store) => store.close()));
    expect(server.log().match(/^starting\|(ERROR|FATAL).*/gm)).toBeNull();
  });

  it('Postgres holds only sealed text in the rows of the relay', async () => {
    const schema = server.freshSchema();
    const { relay } = open(server.url, schema);
    const body = createBody({ payload: somePayload() });
    const { sender, url } = await sharedMailbox(relay, body);
    const receiver = device(relay);
    expect((await receiver.read(url)).status).toBe(200);
    const [row] = await server.admin(`select key, revision, value, expires_at::text from ${schema}.${TABLE}`);
    expect(row?.key).toMatch(/^relay:[A-Za-z0-9_-]+$/);
    expect(row?.value).toMatch(/^[A-Za-z0-9_-]{16}\.\d+\.1\.[A-Za-z0-9_-]+\.[A-Za-z0-9+/]+=*$/);
    expect(String(row?.value).startsWith(`${row?.revision}.${row?.expires_at}.`)).toBe(true);
    const identifier = new URL(url).pathname.split('/').at(-1) as string;
    const { payload, displayInformation } = body as {
      payload: { data: string };
      displayInformation: { title: string };
    };
    for (const secret of [identifier, sender.claim, receiver.claim, payload.data, displayInformation.title]) {
      expect(JSON.stringify(row)).not.toContain(secret);
    }
  });

  it('the relay works with a role without the right to create tables if the table exists', async () => {
    const schema = server.freshSchema();
    await open(server.url, schema).store.ping();
    for (const unmarked of [false, true]) {
      if (unmarked)
        await server.admin(
          `comment on table ${schema}.${TABLE} is null; drop role if exists role_${schema.slice(-12)}_1`,
        );
      const { name, url } = await role(
        unmarked ? `${schema.slice(0, -1)}x` : schema,
        `grant usage on schema ${schema} to ROLE`,
        `grant select, insert, update, delete on ${schema}.${TABLE} to ROLE`,
      );
      const { relay, store } = open(url, schema);
      const { url: link, sender } = await sharedMailbox(relay);
      expect((await device(relay).read(link)).status).toBe(200);
      expect((await sender.delete(link)).status).toBe(200);
      await server.admin(`update ${schema}.${TABLE} set expires_at = 1`);
      expect(await store.sweep?.(10)).toBe(1);
      await server.admin(`drop owned by ${name}`);
    }
  });

  it('the relay answers 503 with a role without the right to create tables until the table exists', async () => {
    const schema = server.freshSchema();
    await server.admin(`create schema ${schema}`);
    const { name, url } = await role(schema, `grant usage on schema ${schema} to ROLE`);
    const { relay, causes } = open(url, schema);
    expect((await device(relay).create()).status).toBe(503);
    expect(causes).toEqual(['42501']);
    await server.admin(`grant create on schema ${schema} to ${name}`);
    expect((await device(relay).create()).status).toBe(200);
  });

  it.each([
    ['read-only', '25006', 'alter role ROLE set default_transaction_read_only = on', 200],
    ['out of connections', '53300', 'alter role ROLE connection limit 0', 503],
    ['closed to the user', '28000', 'alter role ROLE nologin', 503],
  ])(
    'the relay answers 503 while Postgres is %s, and recovers afterwards',
    async (_, cause, statement, previewStatus) => {
      const schema = server.freshSchema();
      await server.admin(`create schema ${schema}`);
      const { name, url } = await role(schema, `grant all on schema ${schema} to ROLE`);
      const { relay, causes } = open(url, schema);
      const { url: link, sender } = await sharedMailbox(relay);
      const disconnect = (): Promise<unknown> =>
        server.admin('select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1', [name]);

      await server.admin(statement.replaceAll('ROLE', name));
      await disconnect();
      const create = await eventually(
        () => device(relay).create(),
        () => causes.includes(cause),
      );
      expect(create.status).toBe(503);
      expect(create.headers.get('Retry-After')).toMatch(/^\d+$/);
      expect((await sender.update(link)).status).toBe(503);
      expect((await sender.delete(link)).status).toBe(503);
      expect((await sender.preview(link)).status).toBe(previewStatus);

      await server.admin(`alter role ${name} reset all; alter role ${name} login connection limit -1`);
      await disconnect();
      await eventually(
        () => sender.update(link),
        ({ status }) => status === 200,
      );
    },
  );

  it('the relay answers 503 store_full while the disk of Postgres is full, and recovers afterwards', async () => {
    const schema = server.freshSchema();
    const { relay, causes } = open(server.url, schema);
    const { url, sender } = await sharedMailbox(relay);
    await server.admin(`create function ${schema}.full() returns trigger language plpgsql as
      $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
      create trigger full_disk before insert or update on ${schema}.${TABLE} execute function ${schema}.full()`);
    const full: string[] = [];
    relay.on('store.full', ({ cause }) => full.push(cause));
    for (const answer of [await device(relay).create(), await sender.update(url)]) {
      expect(answer).toMatchObject({ status: 503, json: { code: 'store_full' } });
      expect(answer.headers.get('Retry-After')).toBe('30');
    }
    expect((await sender.preview(url)).status).toBe(200);
    expect({ full, causes }).toEqual({ full: ['53100'], causes: [] });
    await server.admin(`drop trigger full_disk on ${schema}.${TABLE}`);
    expect((await sender.update(url)).status).toBe(200);
  });
});

/** Repeats the request until the check passes, for at most 2 s. */
async function eventually<Answer>(run: () => Promise<Answer>, wanted: (answer: Answer) => boolean): Promise<Answer> {
  const end = Date.now() + 2_000;
  for (;;) {
    const answer = await run();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error('It did not come about within 2 s.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
