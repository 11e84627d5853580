/** The examples do what their README files say. */
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { createApp as createExpressApp } from '../../examples/express/app.js';
import { createApp as createKoaApp } from '../../examples/koa/app.js';
import { createApp as createNodeApp } from '../../examples/node-http/app.js';
import { newDevice, shareUrl } from './device.js';
import { expectPage, expectProblem } from './expect.js';
import { send } from './http.js';
import { openServer } from './server.js';

const EXAMPLES: ReadonlyArray<readonly [name: string, listener: (publicUrl: string) => RequestListener]> = [
  ['koa', (publicUrl) => createKoaApp(publicUrl).callback()],
  ['express', (publicUrl) => createExpressApp(publicUrl)],
  [
    'node-http',
    (publicUrl) => {
      const server = createNodeApp(publicUrl);
      return (request, response) => server.emit('request', request, response);
    },
  ],
];

const toClose: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

describe.each(EXAMPLES)('examples/%s', (_name, listener) => {
  test('has the relay at /relay, and a page of its own', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    server.on('request', listener(`${origin}/relay`));

    const url = await shareUrl(`${origin}/relay`);
    expect(url.startsWith(`${origin}/relay/v1/m/`)).toBe(true);
    expect(await send({ method: 'GET', url })).toMatchObject({ status: 200 });
    expect(await newDevice().read(url)).toMatchObject({ status: 200 });
    expectProblem(await newDevice().read(url), 401, 'mailbox_taken');

    expectPage(await send({ method: 'GET', url: `${origin}/` }), 200, 'The front desk.');
    expect(await send({ method: 'GET', url: `${origin}/nowhere` })).toMatchObject({ status: 404 });
  });
});
