import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createBody } from '../protocol/bodies.js';
import { createShare, JSON_TYPE, operation } from '../protocol/device.js';
import { send } from '../protocol/http.js';
import { expectPage, expectProblem } from './expect.js';
import type { Host, RunningHost } from './hosts.js';
import { lookalikes, SAYS } from './site.js';

/** Tests of the paths that the relay leaves to its host, and of the host middleware's view of the relay. */
export function pages(host: () => RunningHost, { ownsPrefix = false }: Host): void {
  test('routes before and after the relay answer', async () => {
    const { origin } = host();
    expectPage(await send({ method: 'GET', url: `${origin}/before` }), 200, SAYS.before);
    expectPage(await send({ method: 'GET', url: `${origin}/after` }), 200, SAYS.after);
  });

  test('a route after the relay gets its body', async () => {
    const body = JSON.stringify({ untouched: 'ä' });
    const answer = await send({ method: 'POST', url: `${host().origin}/echo`, fields: [JSON_TYPE], body });
    expectPage(answer, 200, body);
  });

  test("a path that only looks like the relay's is the host's", async () => {
    for (const path of lookalikes(host().prefix)) {
      const answer = await send({ method: 'GET', url: host().origin + path });
      if (ownsPrefix) expectProblem(answer, 404, 'not_found');
      else expectPage(answer, 200, SAYS.lookalike);
    }
  });

  test("the host's error handler and its 404 are at work", async () => {
    const { origin } = host();
    expectPage(await send({ method: 'GET', url: `${origin}/fails` }), 500, SAYS.failed);
    for (const method of ['GET', 'POST', 'DELETE']) {
      expectPage(await send({ method, url: `${origin}/nowhere` }), 404, SAYS.missing);
    }
  });

  test("the host's own middleware sees the relay's answers", async () => {
    const [created, refused, empty] = [randomUUID(), randomUUID(), randomUUID()];
    const url = await createShare(host().base);
    const call = (method: string, id: string, body?: object): Promise<unknown> => {
      const { fields = [], ...rest } = operation(method, body === undefined ? url : `${host().base}/v1/m`, id, body);
      return send({ ...rest, fields: [...fields.filter(([name]) => name !== 'Mailbox-Request-ID'), idOf(id)] });
    };
    await Promise.all([call('POST', created, createBody()), call('DELETE', refused), call('OPTIONS', empty)]);
    expect(await host().seen(created)).toEqual({ status: 200, type: 'application/json', requestId: created });
    expect(await host().seen(refused)).toEqual({ status: 401, type: 'application/problem+json', requestId: refused });
    expect(await host().seen(empty)).toEqual({ status: 204, type: '', requestId: empty });
  });
}

const idOf = (id: string): [string, string] => ['Mailbox-Request-ID', id];
