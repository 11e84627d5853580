import { randomBytes, randomUUID } from 'node:crypto';
import { type Answer, type Call, type Field, send } from './http.js';

/** A payload unlike any other. */
export const newPayload = (): { type: string; data: string } => ({
  type: 'AEAD_AES_128_GCM',
  data: randomBytes(60).toString('base64'),
});

/** A body of CreateMailbox, with other members or more. */
export const createBody = (over: object = {}): object => ({
  payload: newPayload(),
  displayInformation: { title: 'Room 12', description: 'A key', imageURL: 'https://images.example/key.png' },
  mailboxConfiguration: { accessRights: 'RWD', expiration: inOneHour() },
  ...over,
});

function inOneHour(): string {
  return `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
}

export const JSON_TYPE: Field = ['Content-Type', 'application/json'];
export const claimField = (claim: string): Field => ['Mailbox-Device-Claim', claim];
export const idField = (id: string): Field => ['Mailbox-Request-ID', id];

/** The request of an operation: a claim, a fresh request id, and the body as JSON if there is one. */
export function operation(method: string, url: string, claim: string, body?: object): Call {
  const fields = [claimField(claim), idField(randomUUID())];
  if (body === undefined) return { method, url, fields };
  return { method, url, fields: [...fields, JSON_TYPE], body: JSON.stringify(body) };
}

/** A device as the relay sees it: a claim, and what it does with it. */
export interface Device {
  readonly claim: string;
  create(base: string, body?: object): Promise<Answer>;
  read(url: string): Promise<Answer>;
  update(url: string, payload: object): Promise<Answer>;
  relinquish(url: string): Promise<Answer>;
  remove(url: string): Promise<Answer>;
}

/** A device that no relay has seen. */
export function newDevice(): Device {
  const claim = randomUUID();
  return {
    claim,
    create: (base, body = createBody()) => send(operation('POST', `${base}/v1/m`, claim, body)),
    read: (url) => send(operation('POST', url, claim)),
    update: (url, payload) => send(operation('PUT', url, claim, { payload })),
    relinquish: (url) => send(operation('PATCH', url, claim)),
    remove: (url) => send(operation('DELETE', url, claim)),
  };
}

/** The JSON of an answer. */
export function json(answer: Answer): Record<string, unknown> {
  return JSON.parse(answer.text) as Record<string, unknown>;
}

/** The share URL of a mailbox made for the occasion. */
export async function shareUrl(base: string, sender: Device = newDevice()): Promise<string> {
  const answer = await sender.create(base);
  if (answer.status !== 200) throw new Error(`create: ${answer.status} ${answer.text}`);
  return String(json(answer).urlLink);
}
