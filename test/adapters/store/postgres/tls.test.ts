import { once } from 'node:events';
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { join } from 'node:path';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LOCALHOST } from '../../../support/network/tls.js';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';

await describeOnOwnPostgres('Postgres with a certificate that it signed itself', (server) => {
  let certificate: string;
  const stores: { close(): Promise<void> }[] = [];
  afterAll(() => Promise.all(stores.map((store) => store.close())));

  beforeAll(async () => {
    const [row] = await server.admin('show data_directory');
    const folder = row?.data_directory as string;
    const { uid, gid } = statSync(folder);
    for (const [name, text] of Object.entries(LOCALHOST)) {
      const path = join(folder, `${name}.pem`);
      writeFileSync(path, text, { mode: 0o600 });
      if (process.getuid?.() === 0) chownSync(path, uid, gid);
    }
    certificate = join(folder, 'cert.pem');
    await server.admin(`alter system set ssl_cert_file = 'cert.pem'`);
    await server.admin(`alter system set ssl_key_file = 'key.pem'`);
    await server.admin('alter system set ssl = on');
    await server.admin('select pg_reload_conf()');
    while ((await server.admin('show ssl'))[0]?.ssl !== 'on') await new Promise((resolve) => setTimeout(resolve, 20));
  });

  function open(query: string, host = '127.0.0.1') {
    const url = new URL(server.url);
    url.hostname = host;
    const store = postgresStore(`${url.href}?${query}`, { schema: server.freshSchema() });
    stores.push(store);
    return store;
  }

  it.each(['sslmode=require', 'sslmode=verify-full', 'sslmode=verify-ca', 'ssl=true'])(
    'ping names sslrootcert for %s without it',
    async (query) => {
      await expect(open(query).ping()).rejects.toMatchObject({
        code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
        message: expect.stringMatching(/sslrootcert=FILE/),
      });
    },
  );

  it.each(['sslmode=no-verify', 'ssl=no-verify', 'sslmode=prefer', 'sslmode=require&uselibpqcompat=true'])(
    'the store connects with %s',
    async (query) => {
      await open(query).ping();
    },
  );

  it('the store connects with sslrootcert, and has an encrypted connection', async () => {
    const store = open(`sslmode=verify-full&sslrootcert=${certificate}&application_name=encrypted`);
    await store.ping();
    const rows = await server.admin(`select ssl from pg_stat_ssl join pg_stat_activity using (pid)
      where application_name = 'encrypted'`);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every(({ ssl }) => ssl)).toBe(true);
  });

  it('ping names verify-ca if the certificate is for another host name, and verify-ca connects', async () => {
    const files = `sslrootcert=${certificate}`;
    const forwarder = createServer((socket) => {
      const upstream = dial(server.port, '127.0.0.1');
      for (const end of [socket, upstream]) end.on('error', () => {});
      socket.pipe(upstream).pipe(socket);
    }).listen(0, '127.0.0.2');
    await once(forwarder, 'listening');
    const { port } = forwarder.address() as AddressInfo;
    await expect(open(`sslmode=verify-full&${files}&port=${port}`, '127.0.0.2').ping()).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      message: expect.stringContaining('verify-ca'),
    });
    await open(`sslmode=verify-ca&${files}&port=${port}`, '127.0.0.2').ping();
    forwarder.close();
  });

  it('ping names sslmode if the server requires TLS', async () => {
    const [row] = await server.admin('show hba_file');
    writeFileSync(row?.hba_file as string, 'hostssl all all all password\n');
    await server.admin('select pg_reload_conf()');
    await expect
      .poll(() =>
        open('sslmode=disable')
          .ping()
          .catch((error: Error) => error.message),
      )
      .toContain('set sslmode=require in the URL (POSTGRES_TLS_REQUIRED)');
    writeFileSync(row?.hba_file as string, 'host all all all password\n');
  });
});

await describeOnOwnPostgres('Postgres without TLS', (server) => {
  it.each(['prefer', 'allow'])('sslmode=%s connects without encryption', async (mode) => {
    const store = postgresStore(`${server.url}?sslmode=${mode}`, { schema: server.freshSchema() });
    await store.ping();
    await store.close();
  });
});
