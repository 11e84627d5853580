/** What strangers send does not cost a host more memory than they send. */
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createBody, newDevice, shareUrl } from '../hosts/device.js';
import type { ChildProgram } from '../support/child-program.js';
import { buildHostProgram, type HostProcess, startHostProcess } from './host-process.js';

const FORMS = ['node', 'koa', 'express', 'hono', 'hono-mount'];
const CONNECTIONS = 200;
/** One-byte pieces of a body that never ends. As a list of buffers they would take 400 bytes each: 480 MB in all. */
const PIECES = 6_000;
/** Reads that are sent on one connection, and whose answers nobody takes. */
const READS = 2_000;

let program: ChildProgram;
let host: HostProcess;
const sockets: Socket[] = [];

beforeAll(async () => {
  program = await buildHostProgram();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  host.stop();
});
afterAll(() => program.remove());

/** Sends one text on each of many connections; nothing of the answers is read unless `reads`. */
async function sendOnAll(text: string, reads = false): Promise<number> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < CONNECTIONS; at += 1) {
    const socket = connect(host.port, '127.0.0.1');
    socket.on('error', () => undefined);
    if (reads) socket.resume();
    else socket.pause();
    socket.write(bytes);
    sockets.push(socket);
  }
  return CONNECTIONS * bytes.length;
}

const headOf = (path: string, claim: string, fields: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nMailbox-Device-Claim: ${claim}\r\n${fields}\r\n`;

/** The head of a create, and so many bytes of its body, in pieces of the given size. */
function unfinishedCreate(bytes: number, size: number): string {
  const fields = `Mailbox-Request-ID: ${randomUUID()}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n`;
  const piece = `${size.toString(16)}\r\n${'['.repeat(size)}\r\n`;
  return headOf('/v1/m', randomUUID(), fields) + piece.repeat(bytes / size);
}

const create = (): Promise<{ status: number }> => newDevice().create(host.base);

describe.each(FORMS)('a host with a heap of 256 MB: %s', (form) => {
  test('holds a body in pieces of one byte as it holds one in pieces of a thousand', async () => {
    const held: number[] = [];
    for (const size of [1_000, 1]) {
      host = await startHostProcess(program, form);
      const sent = await sendOnAll(unfinishedCreate(PIECES, size));
      held.push((await host.until(({ received }) => received >= sent)).held);
      expect(await create()).toMatchObject({ status: 200 });
      for (const socket of sockets.splice(0)) socket.destroy();
      if (size > 1) host.stop();
    }
    const [honest = 0, attacked = 0] = held;
    expect(attacked / honest).toBeLessThan(1.5);
  });

  test('survives pipelined reads whose answers nobody takes', async () => {
    host = await startHostProcess(program, form);
    const sender = newDevice();
    const payload = { type: 'AEAD_AES_128_GCM', data: 'A'.repeat(60_000) };
    const created = await sender.create(host.base, createBody({ payload }));
    const path = new URL(JSON.parse(created.text).urlLink).pathname;
    const read = headOf(path, sender.claim, 'Content-Length: 0\r\n');
    await sendOnAll(read, true);
    const honest = (await host.until(({ answered }) => answered > CONNECTIONS)).held;
    for (const socket of sockets.splice(0)) socket.destroy();
    await host.until(({ connections }) => connections === 0);

    await sendOnAll(read.repeat(READS));
    const attacked = await host.until(({ connections }) => connections === 0);
    expect(attacked.held / honest).toBeLessThan(1.5);
    expect(await create()).toMatchObject({ status: 200 });

    // As many as are let wait.
    await sendOnAll(read.repeat(17));
    const waiting = await host.until(({ answered, connections }) => connections === CONNECTIONS && answered > 0);
    expect(await shareUrl(host.base)).toContain('/v1/m/');
    process.stdout.write(`${form} ${JSON.stringify({ honest, attacked: attacked.held, waiting: waiting.held })}\n`);
  });
});
