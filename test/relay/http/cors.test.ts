import { createRelay } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { PUBLIC_URL, testRelay } from '../../support/relay/relay.js';

/** The CORS headers of a preflight for a create. */
async function preflight(cors: Parameters<typeof createRelay>[0]['cors'], origin: string, names = 'content-type') {
  const relay = testRelay({ cors });
  const headers = {
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': names,
  };
  const answer = await relay.fetch(new Request(`${PUBLIC_URL}/v1/m`, { method: 'OPTIONS', headers }));
  await relay.close();
  const allowed = (answer.headers.get('Access-Control-Allow-Headers') ?? '').split(', ');
  return { origin: answer.headers.get('Access-Control-Allow-Origin'), allowed, vary: answer.headers.get('Vary') };
}

describe('[§6 A28] cors.origins', () => {
  it.each<[entry: string, origin: string, isAllowed: boolean]>([
    ['https://*.example.com', 'https://a.example.com', true],
    ['https://*.example.com', 'https://a.b-1.example.com', true],
    ['https://*.example.com', 'https://xn--mnchen-3ya.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'http://a.example.com', false],
    ['https://*.example.com', 'https://a.example.com:8443', false],
    ['https://*.example.com', 'https://a.example.com.evil.example', false],
    ['https://*.example.com', 'https://evilexample.com', false],
    ['https://*.example.com', 'https://a.exampleXcom', false],
    ['https://*.example.com', 'https://evil.example/.example.com', false],
    ['https://*.example.com', 'https://.example.com', false],
    ['https://*.example.com', 'null', false],
    ['https://*.example.com:8443', 'https://a.example.com:8443', true],
    ['https://*.example.com:8443', 'https://a.example.com', false],
    ['https://*.example.com:443', 'https://a.example.com', true],
    ['http://*.localhost:5173', 'http://app.localhost:5173', true],
    ['https://*.münchen.example', 'https://a.xn--mnchen-3ya.example', true],
    ['HTTPS://*.Example.COM', 'https://a.example.com', true],
    ['HTTPS://App.Example', 'https://app.example', true],
    ['https://app.example:443', 'https://app.example', true],
    ['http://localhost:80', 'http://localhost', true],
    ['https://münchen.example', 'https://xn--mnchen-3ya.example', true],
    ['Capacitor://localhost', 'capacitor://localhost', true],
    [' https://app.example\n', 'https://app.example', true],
  ])('%s allows %s: %s', async (entry, origin, isAllowed) => {
    const answer = await preflight({ origins: [entry] }, origin);
    expect(answer.origin).toBe(isAllowed ? origin : null);
    expect(answer.vary).toContain('Origin');
  });

  it.each<[entry: unknown, message: string]>([
    ['https://app.example/', 'a slash at the end'],
    ['https://app.example/path', 'without a path'],
    ['https://user@app.example', 'credentials'],
    ['app.example', 'has no scheme'],
    ['*.example.com', 'has no scheme'],
    ['null', 'must not be null'],
    ['', 'is the environment variable set?'],
    ['https://a.example, https://b.example', 'must be one origin'],
    ['https://*', 'leftmost label'],
    ['https://*.com', 'leftmost label'],
    ['https://a.*.example', 'leftmost label'],
    ['https://app-*.example.com', 'leftmost label'],
    ['https://**.example.com', 'leftmost label'],
    ['http://localhost:*', 'leftmost label'],
    ['chrome-extension://*', 'leftmost label'],
    [/example/, 'as a string'],
    [undefined, 'is the environment variable set?'],
  ])('refuses %o: %s', (entry, message) => {
    const make = () => createRelay({ publicUrl: PUBLIC_URL, cors: { origins: [entry as string] } });
    expect(make).toThrow(/^cors\.origins\.0: /);
    expect(make).toThrow(message);
  });
});

describe('[§6 A28] cors.headers', () => {
  const origins = ['https://app.example'];
  const asked = 'baggage, sentry-trace, traceparent, x-datadog-trace-id, X-DataDog-Origin, x-other, content-type';

  it('allows the named headers and, by its beginning, each requested one', async () => {
    const headers = ['traceparent', 'Sentry-Trace', 'x-datadog-*'];
    const { allowed, vary } = await preflight({ origins, headers }, 'https://app.example', asked);
    expect(allowed).toEqual(expect.arrayContaining(['Mailbox-Device-Claim', 'Content-Type', 'Authorization']));
    expect(allowed).toEqual(expect.arrayContaining(['traceparent', 'Sentry-Trace']));
    expect(allowed).toEqual(expect.arrayContaining(['x-datadog-trace-id', 'X-DataDog-Origin']));
    for (const name of ['baggage', 'x-other']) expect(allowed).not.toContain(name);
    expect(vary).toBe('Origin, Access-Control-Request-Headers');
  });

  it('allows every requested header with *, and echoes names only', async () => {
    const names = `${asked}, a b, <x>, , ${Array.from({ length: 200 }, (_, index) => `x-${index}`).join(',')}`;
    const { allowed } = await preflight({ origins, headers: ['*'] }, 'https://app.example', names);
    expect(allowed).toEqual(expect.arrayContaining(['baggage', 'x-other']));
    for (const name of ['a b', '<x>', '', 'x-199']) expect(allowed).not.toContain(name);
  });

  it('allows the headers of the protocol only by default, and nothing to another origin', async () => {
    const { allowed } = await preflight({ origins }, 'https://app.example', asked);
    expect(allowed).not.toContain('traceparent');
    const other = await preflight({ origins, headers: ['*'] }, 'https://evil.example', asked);
    expect([other.origin, other.allowed]).toEqual([null, ['']]);
  });

  it.each(['x-*-id', 'a b', '', 'a,b', 'x:y'])('refuses %o', (name) => {
    const make = () => createRelay({ publicUrl: PUBLIC_URL, cors: { origins, headers: [name] } });
    expect(make).toThrow(/^cors\.headers\.0: must be the name of a header/);
  });
});
