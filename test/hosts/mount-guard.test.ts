/** No request line bypasses a guard on the path of the relay. */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createRelay, type RelayEvent } from 'credential-relay';
import { afterEach, describe, expect, test } from 'vitest';
import { type Gate, GUARDED, GUARDED_HOSTS, type GuardedHost, MISSING } from '../support/hosts/guarded.js';
import { sendRaw } from '../support/hosts/raw.js';
import { openServer } from '../support/hosts/server.js';
import { createBody } from '../support/protocol/bodies.js';

const toClose: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

/** Request targets that might reach the relay below `prefix`. */
function spellings(prefix: string): string[] {
  const first = prefix.slice(1);
  const create = `${prefix}/v1/m`;
  const authorities = ['x', 'X:80', 'x:', 'x:99999', 'x:8a', 'a@x', 'a:b@x', 'x;y', 'x,y', "x'y", '[::1]', '[::', ''];
  return [
    ...['', '?x', '#x', '/', '/..', '/../..', '/../../..', '/../../../x', '/%2e%2e/%2E./../x', '/..\\..\\..\\x', '/.'],
    ...['\\..\\..\\..\\x', ';x', '%20', '/x?../../../y', '/x#/../../../y'],
  ]
    .map((rest) => create + rest)
    .concat(authorities.flatMap((authority) => [`http://${authority}${create}`, `https://${authority}${create}`]))
    .concat(['x\\y', 'x\\@y', 'x%2fy', 'x%5cy', 'x y', 'x`y', 'x^y', '\\'].map((host) => `http://${host}${create}`))
    .concat(
      ['HTTP://x', 'hTTps://x', 'http:', 'http:/', 'http:///x', 'ftp://x', 'ws://x', '//x', 'x'].map((s) => s + create),
    )
    .concat(['http://x?', 'http://x#', 'http://x/?', 'http://x/#', '/?', '/#', '?', '#'].map((start) => start + create))
    .concat(['/', '/.', '/..', '/x/..', '/./.', '/%2e', '/x/%2e%2e', '/\\', '\\', '/;', '//'].map((s) => s + create))
    .concat(['/v1/m', '/v1/m/', '/V1/M', 'http://x/v1/m', `/v1/m${create}`, `/v1/m/..${create}`, '/v1/m/x'])
    .concat([`/${first.toUpperCase()}/v1/m`, `/%${first.charCodeAt(0).toString(16)}${first.slice(1)}/v1/m`])
    .concat(
      ['%2f', '%2Fv1%2fm?', '//', '/./', '\\', '/\\', '?/', '#/', ';/', '.', '%00/', '\t/'].map(
        (s) => `${prefix}${s}v1/m`,
      ),
    )
    .concat([
      `${prefix}/v1%2fm`,
      `${prefix}/v1/%6d`,
      `${prefix}/v1\\m`,
      `${prefix}${create}`,
      `\t${create}`,
      `/\t${create}`,
    ])
    .concat(['\u00a0', '\u00ff', '\u0080'].flatMap((letter) => [`${letter}${create}`, `${create}${letter}`]))
    .concat(['*', '', '/', prefix, `${prefix}/`, 'http://x', 'http://', 'x:80']);
}

function createThrough(port: number, target: string): Promise<string> {
  const body = JSON.stringify(createBody());
  const fields = [
    `Host: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`,
    `Mailbox-Device-Claim: ${randomUUID()}\r\nMailbox-Request-ID: ${randomUUID()}`,
  ];
  return sendRaw(port, `POST ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`);
}

async function serve({ prefix, mountPath, build }: GuardedHost) {
  const { server, origin, close } = await openServer();
  const store = new Map();
  const [served, warned]: [RelayEvent[], RelayEvent[]] = [[], []];
  const relay = createRelay({ publicUrl: origin + prefix, mountPath, store });
  relay.on('request.completed', (event) => void served.push(event));
  relay.on('relay.warned', (event) => void (event.warning === 'mount_path' && warned.push(event)));
  const gate: Gate = { prefix, isOpen: false, toClose };
  toClose.push(close, () => relay.close());
  server.on('request', await build(relay, gate));
  return { port: (server.address() as AddressInfo).port, gate, served, warned, store };
}

describe.each(GUARDED_HOSTS)('a guard on the path of the relay in $name', (host) => {
  test('applies to every spelling of the request line', async () => {
    const { port, gate, served, warned, store } = await serve(host);
    const targets = spellings(host.prefix);
    const answers = await Promise.all(
      targets.map(async (target) => [target, await createThrough(port, target)] as const),
    );
    const relayed = answers.filter(([, text]) => /urlLink|no-transform/.test(text));
    expect(relayed).toEqual([]);
    expect(served).toEqual([]);
    expect(store.size).toBe(0);
    expect(Object.fromEntries(answers)[`${host.prefix}/v1/m`]).toContain(GUARDED);
    expect(warned.length).toBe(host.seesAll ? 1 : 0);

    gate.isOpen = true;
    for (const target of [`${host.prefix}/v1/m`, `http://x${host.prefix}/v1/m?v=c`]) {
      expect(await createThrough(port, target), target).toContain('urlLink');
    }
    expect(served.length).toBe(2);
  });

  test('leaves other paths to the host while it lets requests through', async () => {
    const { port, gate, served } = await serve(host);
    gate.isOpen = true;
    for (const target of [
      '/v1/m',
      'http://x/v1/m',
      '/other',
      `${host.prefix}d/v1/m`,
      '/v2/m/x',
      `/x${host.prefix}/v1/m`,
    ]) {
      expect(await createThrough(port, target), target).toContain(MISSING);
    }
    expect(served).toEqual([]);
  });
});
