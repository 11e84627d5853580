/** A relay with an https public URL in every host, with and without a proxy that terminates TLS. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { expectProblem } from '../support/hosts/expect.js';
import { PLACES, type RunningHost, startHost, type Variation } from '../support/hosts/hosts.js';
import type { Prefix } from '../support/hosts/site.js';
import { createBody } from '../support/protocol/bodies.js';
import { operation } from '../support/protocol/device.js';
import { type Answer, type Field, send } from '../support/protocol/http.js';

const running: RunningHost[] = [];

afterEach(async () => {
  for (const host of running.splice(0)) await host.close();
});

for (const place of PLACES) {
  const publicUrl = `https://relay.example${place.prefix}`;

  const start = async ({ relay = {}, ...others }: Variation = {}): Promise<RunningHost> => {
    const host = await startHost(place, 'unread', { relay: { publicUrl, ...relay }, ...others });
    running.push(host);
    return host;
  };

  describe(`${place.name}, with an https publicUrl:`, () => {
    test('plain HTTP gets 403 for any header of the client', async () => {
      const host = await start();
      for (const said of [undefined, 'https']) {
        const answer = await create(host, said);
        expectProblem(answer, 403, 'tls_required');
        expect(answer.json.detail).toContain('trustProxy');
      }
      const url = `${host.base}/v1/m/00000000-0000-4000-8000-000000000000`;
      expectProblem(await send({ method: 'GET', url }), 403, 'tls_required');
      expectProblem(await send({ method: 'GET', url: `${host.base}/v1/m` }), 405, 'method_not_allowed');
    });

    test('trustProxy: true reads X-Forwarded-Proto', async () => {
      const host = await start({ relay: { trustProxy: true } });
      for (const said of ['https', 'HTTPS', 'https, http']) expectCreated(await create(host, said), place.prefix);
      for (const said of [undefined, 'http', 'http, https', '']) {
        expectProblem(await create(host, said), 403, 'tls_required');
      }
    });

    if (place.host.hasProxySetting) {
      test("the host's own setting is enough", async () => {
        const host = await start({ trustsProxy: true });
        expectCreated(await create(host, 'https'), place.prefix);
        for (const said of [undefined, 'http']) expectProblem(await create(host, said), 403, 'tls_required');
      });
    }
  });
}

function create(host: RunningHost, forwardedProto: string | undefined): Promise<Answer> {
  const { fields = [], ...call } = operation('POST', `${host.base}/v1/m`, randomUUID(), createBody());
  const more: Field[] = [['X-Forwarded-Host', 'evil.example']];
  if (forwardedProto !== undefined) more.push(['X-Forwarded-Proto', forwardedProto]);
  return send({ ...call, fields: [...fields, ...more] });
}

/** The share URL starts with the public URL, for every Host header. */
function expectCreated(answer: Answer, prefix: Prefix): void {
  expect(answer.status).toBe(200);
  expect(answer.json.urlLink).toMatch(new RegExp(`^https://relay\\.example${prefix}/v1/m/[0-9a-f-]{36}$`));
}
