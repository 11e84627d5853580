import type { RequestListener } from 'node:http';
import { createRelay, type Relay } from 'credential-relay';
import express from 'express';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { openServer } from '../../support/hosts/server.js';
import { BRANDED } from '../../support/preview/page.js';
import { createShare, newDevice } from '../../support/protocol/device.js';
import { send } from '../../support/protocol/http.js';

/* The page through every handler over HTTP: headers from the host, HEAD, and no changes. */

const HANDLERS: ReadonlyArray<readonly [name: string, build: (relay: Relay) => RequestListener]> = [
  ['koa', (relay) => new Koa().use(relay.koa()).callback()],
  ['express', (relay) => express().use(relay.node())],
  ['node', (relay) => relay.node()],
];

describe.each(HANDLERS)('%s', (_name, build) => {
  async function withMailbox(run: (url: string) => Promise<void>): Promise<void> {
    const { server, origin, close } = await openServer();
    const relay = createRelay({ publicUrl: origin, preview: BRANDED, cors: { origins: ['https://app.example'] } });
    server.on('request', build(relay));
    await run(await createShare(origin));
    await relay.close();
    await close();
  }

  test('the page has Vary for Accept and Accept-Language, and the language of the reader', () =>
    withMailbox(async (url) => {
      for (const language of ['de', 'ja']) {
        const { status, headers, text } = await send({ method: 'GET', url, fields: [['Accept-Language', language]] });
        expect([status, headers['content-language']]).toEqual([200, language]);
        expect(text).toContain(`<html lang="${language}"`);
        expect(String(headers.vary).split(/, ?/).sort()).toEqual(['Accept-Language', 'Origin']);
        expect(headers['content-security-policy']).toContain('img-src https://static.example;');
      }
    }));

  test('the relay joins repeated Accept-Language fields (RFC 9110 §5.3)', () =>
    withMailbox(async (url) => {
      const fields = [
        ['Accept-Language', 'fr;q=0.2'],
        ['Accept-Language', 'es'],
      ] as const;
      expect((await send({ method: 'GET', url, fields })).headers['content-language']).toBe('es');
    }));

  test('HEAD gets the headers of GET without a body (RFC 9110 §9.3.2)', () =>
    withMailbox(async (url) => {
      const fields = [['Accept-Language', 'zh']] as const;
      const [got, head] = [await send({ method: 'GET', url, fields }), await send({ method: 'HEAD', url, fields })];
      expect([head.status, head.text]).toEqual([200, '']);
      const { date: _, ...ofGet } = got.headers;
      const { date: __, ...ofHead } = head.headers;
      expect(ofHead).toEqual(ofGet);
      expect(Number(head.headers['content-length'])).toBe(Buffer.byteLength(got.text));
    }));

  test('an ended link gets a page for a person, and a problem for a program, also with HEAD', () =>
    withMailbox(async (url) => {
      const gone = `${url.slice(0, -12)}${'0'.repeat(12)}`;
      const fields = [
        ['Accept', 'text/html'],
        ['Accept', '*/*;q=0.8'],
        ['Accept-Language', 'de'],
        ['Mailbox-Request-ID', 'one'],
        ['Origin', 'https://app.example'],
      ] as const;
      const got = await send({ method: 'GET', url: gone, fields });
      expect([got.status, got.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
      expect(got.text).toContain('<html lang="de"');
      expect(got.headers['content-security-policy']).toContain('img-src https://static.example;');
      expect(got.headers['access-control-allow-origin']).toBe('https://app.example');
      expect(got.headers['mailbox-request-id']).toBe('one');
      expect(String(got.headers.vary).split(/, ?/).sort()).toEqual(['Accept', 'Accept-Language', 'Origin']);
      const head = await send({ method: 'HEAD', url: gone, fields });
      const { date: _, ...ofGet } = got.headers;
      const { date: __, ...ofHead } = head.headers;
      expect([head.status, head.text, ofHead]).toEqual([404, '', ofGet]);

      const problem = await send({ method: 'GET', url: gone, fields: [['Accept', '*/*']] });
      expect([problem.status, problem.headers['content-type']]).toEqual([404, 'application/problem+json']);
      expect(String(problem.headers.vary).split(/, ?/).sort()).toEqual(['Accept', 'Origin']);
    }));

  test('a preview changes nothing: a receiver binds afterwards, and the page stays the same', () =>
    withMailbox(async (url) => {
      const pages = new Set<string>();
      for (const method of ['GET', 'HEAD', 'GET']) pages.add((await send({ method, url })).text);
      const receiver = newDevice();
      const read = await receiver.read(url);
      expect(read.status).toBe(200);
      expect((await newDevice().read(url)).status).toBe(401);
      pages.add((await send({ method: 'GET', url })).text);
      expect([...pages].filter((text) => text !== '')).toHaveLength(1);
    }));
});
