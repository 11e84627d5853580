/** Tests the examples as their README files describe them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import createFastify from 'fastify';
import { build as buildFiles } from 'tsup';
import { afterEach, describe, expect, test } from 'vitest';
import { createApp as createExpressApp } from '../../examples/express/app.js';
import { createApp as createFastifyApp } from '../../examples/fastify/app.js';
import { createApp as createHonoApp } from '../../examples/hono/app.js';
import { createApp as createKoaApp } from '../../examples/koa/app.js';
import { createApp as createNodeApp } from '../../examples/node-http/app.js';
import { expectPage, expectProblem } from '../support/hosts/expect.js';
import { openServer } from '../support/hosts/server.js';
import { ROOT } from '../support/process/built.js';
import { createBody, somePayload } from '../support/protocol/bodies.js';
import { JSON_TYPE, newDevice, operation } from '../support/protocol/device.js';
import { type Answer, type Field, send } from '../support/protocol/http.js';

type Build = (publicUrl: string) => RequestListener | Promise<RequestListener>;

const fastify: Build = async (publicUrl) => {
  const { app, relay } = createFastifyApp(publicUrl);
  await app.ready();
  toClose.push(async () => {
    await app.close();
    await relay.close();
  });
  return (request, response) => app.routing(request, response);
};

const EXAMPLES: ReadonlyArray<readonly [name: string, build: Build]> = [
  ['koa', (publicUrl) => createKoaApp(publicUrl).app.callback()],
  ['express', (publicUrl) => createExpressApp(publicUrl).app],
  [
    'node-http',
    (publicUrl) => {
      const { app } = createNodeApp(publicUrl);
      return (request, response) => app.emit('request', request, response);
    },
  ],
  ['fastify', fastify],
  ['hono', (publicUrl) => getRequestListener(createHonoApp(publicUrl).app.fetch)],
];

/** Examples in which only signed-in people can create mailboxes. */
const WITH_SIGN_IN = EXAMPLES.filter(([name]) => name === 'fastify' || name === 'hono');

const toClose: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

async function start(build: Build): Promise<string> {
  const { server, origin, close } = await openServer();
  toClose.push(close);
  server.on('request', await build(`${origin}/relay`));
  return origin;
}

/** Returns the cookie header of a sign-in, or no header for an example without sign-in. */
async function signIn(origin: string): Promise<Field[]> {
  const body = JSON.stringify({ name: 'Ada' });
  const answer = await send({ method: 'POST', url: `${origin}/sign-in`, fields: [JSON_TYPE], body });
  if (answer.status === 404) return [];
  expectPage(answer, 200, 'Welcome, Ada.');
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^session=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Strict$/);
  return [['Cookie', cookie.split(';')[0] ?? '']];
}

function create(origin: string, claim: string, payload: object, fields: readonly Field[]): Promise<Answer> {
  const call = operation('POST', `${origin}/relay/v1/m`, claim, createBody({ payload }));
  return send({ ...call, fields: [...(call.fields ?? []), ...fields] });
}

describe.each(EXAMPLES)('examples/%s', (_name, build) => {
  test('serves a whole transfer at /relay, and its own page', async () => {
    const origin = await start(build);
    const [sender, receiver] = [newDevice(), newDevice()];
    const [first, second] = [somePayload(), somePayload()];

    const created = await create(origin, sender.claim, first, await signIn(origin));
    const url = String(created.json.urlLink);
    expect(url.startsWith(`${origin}/relay/v1/m/`)).toBe(true);
    expect(await send({ method: 'GET', url })).toMatchObject({ status: 200 });
    expect((await receiver.read(url)).json).toMatchObject({ payload: first });
    expectProblem(await newDevice().read(url), 401, 'mailbox_taken');
    expect(await receiver.update(url, second)).toMatchObject({ status: 200 });
    expect((await sender.read(url)).json).toMatchObject({ payload: second });
    expect(await receiver.delete(url)).toMatchObject({ status: 200 });
    expectProblem(await sender.read(url), 404, 'mailbox_not_found');

    expectPage(await send({ method: 'GET', url: `${origin}/` }), 200, 'The front desk.');
    expect(await send({ method: 'GET', url: `${origin}/nowhere` })).toMatchObject({ status: 404 });
  });
});

test('examples/fastify sends the headers that earlier plugins, such as @fastify/cors, set', async () => {
  const plugged = createFastify();
  plugged.addHook('onRequest', async (_request, reply) => {
    reply.header('Access-Control-Allow-Origin', 'https://app.example').header('Vary', 'Origin');
  });
  const origin = await start(async (publicUrl) => {
    const { app, relay } = createFastifyApp(publicUrl, plugged);
    await app.ready();
    toClose.push(() => relay.close());
    return (request, response) => app.routing(request, response);
  });
  for (const url of [`${origin}/relay/v1/m`, `${origin}/`]) {
    const { headers } = await send({ method: 'GET', url });
    expect(headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' });
  }
});

describe.each(WITH_SIGN_IN)('examples/%s, where people sign in', (_name, build) => {
  test.each([
    ['no session', []],
    ['a session that is none', [['Cookie', 'session=00000000-0000-4000-8000-000000000000']]],
    ['a name of every object', [['Cookie', 'session=constructor']]],
  ] as ReadonlyArray<[string, Field[]]>)('lets nobody with %s leave a mailbox', async (_what, fields) => {
    const origin = await start(build);
    await signIn(origin);
    expectProblem(await create(origin, newDevice().claim, somePayload(), fields), 401, 'token_required');
  });

  test('leaves bodies, their limit and their errors to the relay', async () => {
    const origin = await start(build);
    const cookie = await signIn(origin);
    const call = operation('POST', `${origin}/relay/v1/m`, newDevice().claim);
    const fields = [...(call.fields ?? []), ...cookie];
    expectProblem(await send({ ...call, fields: [...fields, JSON_TYPE], body: '{' }), 400, 'body_invalid');
    const text: Field = ['Content-Type', 'text/x-unknown'];
    expectProblem(await send({ ...call, fields: [...fields, text], body: 'text' }), 415, 'media_type');
    const long = JSON.stringify({ filler: 'x'.repeat(70_000) });
    expectProblem(await send({ ...call, fields: [...fields, JSON_TYPE], body: long }), 413, 'body_too_large');
  });
});

describe.each(['koa', 'express', 'node-http', 'fastify', 'hono'])('npm run example -- %s', (name) => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'serves, and on %s ends the reads that are held, and then itself with 0',
    async (signal) => {
      const { origin, child, output } = await startProcess(name);
      const [sender, cookie] = [newDevice(), await signIn(origin)];
      // An example prints commands only if they go beyond the README.
      expect(output().includes(`curl -s -c .cache/jar ${origin}/sign-in`)).toBe(cookie.length > 0);
      const created = await create(origin, sender.claim, somePayload(), cookie);
      const [url, version] = [String(created.json.urlLink), String(created.headers['mailbox-version'])];
      expect(url.startsWith(`${origin}/relay/v1/m/`)).toBe(true);

      // `fetch` keeps its connections open.
      const headers = { 'Mailbox-Device-Claim': sender.claim, 'Mailbox-Known-Version': version, Prefer: 'wait=9' };
      const held = [1, 2].map(() => fetch(url, { method: 'POST', headers }));
      // A newer read of one device ends the older read [§8], so the relay holds the newer read.
      const older = await Promise.race(held);
      expect([older.status, older.headers.get('Preference-Applied')]).toEqual([204, 'wait=9']);

      const ended = once(child, 'exit');
      child.kill(signal);
      const told = performance.now();
      expect((await Promise.all(held)).map(({ status }) => status)).toEqual([204, 204]);
      expect(await ended).toEqual([0, null]);
      expect(performance.now() - told).toBeLessThan(3000);
    },
  );
});

/** Builds server.ts as its npm script does, and starts it on port 0. Resolves once the process listens. */
async function startProcess(name: string): Promise<{ origin: string; child: ChildProcess; output: () => string }> {
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, '.cache/example-'));
  toClose.push(() => rm(folder, { recursive: true, force: true }));
  const entry = [join(ROOT, `examples/${name}/server.ts`)];
  const external = ['koa', 'express', 'fastify', 'hono', '@hono/node-server'];
  await buildFiles({ entry, outDir: folder, format: 'esm', config: false, silent: true, dts: false, external });

  const env = { ...process.env, PORT: '0' };
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn(process.execPath, [join(folder, 'server.js')], { env, stdio: [...stdio] });
  toClose.push(async () => void child.kill('SIGKILL'));
  let text = '';
  child.stdout?.on('data', (part) => {
    text += part;
  });
  const lines = createInterface({ input: child.stdout as Readable });
  const [line] = (await once(lines, 'line')) as [string];
  const [, origin = ''] = /^The relay is at (http:\/\/localhost:[1-9]\d*)\/relay$/.exec(line) ?? [];
  expect(origin, line).not.toBe('');
  return { origin, child, output: () => text };
}
