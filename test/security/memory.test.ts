/** Requests of attackers cost a host at most as much memory as the attackers send. */
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ChildProgram } from '../support/process/child-program.js';
import { createBody } from '../support/protocol/bodies.js';
import { newDevice } from '../support/protocol/device.js';
import { buildHostProgram, type HostProcess, startHostProcess } from '../support/security/host-process.js';

const FORMS = ['node', 'koa', 'express', 'hono', 'hono-mount'] as const;
/** SOAK=1 sends a hundred times as much. */
const SOAKS = process.env.SOAK === '1';
const CONNECTIONS = SOAKS ? 200 : 10;
/** One-byte pieces of an endless body. A list of buffers would take 400 bytes per piece. */
const PIECES = SOAKS ? 60_000 : 5_000;
/** Pieces of a queued body. Node itself buffers at most 16 KiB. */
const QUEUED_PIECES = 16_000;
/** Reads on one connection whose client does not read the answers. */
const READS = SOAKS ? 2_000 : 200;
const TIMEOUT_MS = SOAKS ? 600_000 : 120_000;

let program: ChildProgram;
let host: HostProcess;
const sockets: Socket[] = [];

beforeAll(async () => {
  program = await buildHostProgram();
});
afterAll(() => program.remove());

/** Sends a text on each of many connections, and reads no answers. Resolves to the total number of bytes. */
async function sendOnAll(texts: readonly string[]): Promise<number> {
  let sent = 0;
  for (const text of texts) {
    const socket = connect(host.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(text);
    sockets.push(socket);
    sent += text.length;
  }
  return sent;
}

const onEach = (text: string): string[] => Array.from({ length: CONNECTIONS }, () => text);

const headOf = (path: string, claim: string, fields: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nMailbox-Device-Claim: ${claim}\r\n${fields}\r\n`;

/** The head of a create, and `bytes` bytes of its body, in pieces of `size` bytes. */
function unfinishedCreate(bytes: number, size: number): string {
  const id = `Mailbox-Request-ID: ${randomUUID()}\r\n`;
  const fields = `${id}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n`;
  const piece = `${size.toString(16)}\r\n${'['.repeat(size)}\r\n`;
  return headOf('/v1/m', randomUUID(), fields) + piece.repeat(bytes / size);
}

/**
 * Creates a mailbox with `size` characters of payload. Resolves to the head of a read of the mailbox, with more fields.
 */
async function readOfMailbox(size: number, more = (_version: string): string => ''): Promise<string> {
  const sender = newDevice();
  const payload = { type: 'AEAD_AES_128_GCM', data: 'A'.repeat(size) };
  const { text, headers } = await sender.create(host.base, createBody({ payload }));
  const fields = `Content-Length: 0\r\n${more(String(headers['mailbox-version']))}`;
  return headOf(new URL(JSON.parse(text).urlLink).pathname, sender.claim, fields);
}

/** The fields of a long poll. */
const WAITING = (version: string): string => `Mailbox-Known-Version: ${version}\r\nPrefer: wait=50\r\n`;

async function isServing(): Promise<void> {
  expect(await newDevice().create(host.base)).toMatchObject({ status: 200 });
}

function leave(): void {
  for (const socket of sockets.splice(0)) socket.destroy();
}

describe.each(FORMS)('a host with a heap of 256 MB: %s', (form) => {
  beforeAll(async () => {
    host = await startHostProcess(program, form);
  });
  afterEach(leave);
  afterAll(() => host.stop());

  /** Bytes that the host holds once it has received all texts on many connections. */
  async function heldAfter(texts: readonly string[]): Promise<number> {
    const { received } = await host.state();
    const sent = await sendOnAll(texts);
    const { held } = await host.until((state) => state.received - received >= sent);
    await isServing();
    leave();
    return held;
  }

  test('keeps a body in pieces of one byte in as little memory as one in pieces of 1,000 bytes', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const honest = await heldAfter(onEach(unfinishedCreate(PIECES, 1_000)));
    const attacked = await heldAfter(onEach(unfinishedCreate(PIECES, 1)));
    expect(attacked / honest).toBeLessThan(1.5);
  });

  test('keeps it so while the request is queued behind a long poll', { timeout: TIMEOUT_MS }, async () => {
    const heldReads = (): Promise<string[]> => Promise.all(onEach('').map(() => readOfMailbox(12, WAITING)));
    const followedBy = (reads: readonly string[], create: string): string[] => reads.map((read) => read + create);
    const honest = await heldAfter(followedBy(await heldReads(), unfinishedCreate(QUEUED_PIECES, 1_000)));
    const attacked = await heldAfter(followedBy(await heldReads(), unfinishedCreate(QUEUED_PIECES, 1)));
    expect(attacked / honest).toBeLessThan(1.5);
  });

  test('closes connections whose client sends many reads and takes no answer', { timeout: TIMEOUT_MS }, async () => {
    const read = await readOfMailbox(60_000);
    const honest = await heldAfter(onEach(read));
    const before = (await host.state()).accepted;
    await sendOnAll(onEach(read.repeat(READS)));
    const attacked = await host.until((now) => now.accepted === before + CONNECTIONS && now.connections === 0);
    expect(attacked.held / honest).toBeLessThan(1.5);
    await isServing();
  });
});
