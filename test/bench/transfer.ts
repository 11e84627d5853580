import { randomUUID } from 'node:crypto';
import type { Answer, Connection } from './connection.js';
import { createBodyNow, type Model, type ModelAnswer, type Sample } from './sample.js';

/** The four answers of one stateless transfer. */
interface Answers {
  readonly identifier: string;
  readonly create: Answer;
  readonly preview: Answer;
  readonly read: Answer;
  readonly remove: Answer;
}

const COMMON = 'Host: localhost\r\nUser-Agent: bench\r\nAccept: */*';
const IDENTIFIER = /"urlLink":"[^"]*\/v1\/m\/([0-9a-f-]{36})"/;

/**
 * One whole stateless transfer: the sender creates; a messenger previews; the receiver reads, which binds it, and
 * deletes. Throws if an answer is not 2xx, or the payload does not come back.
 */
export async function transfer(connection: Connection, sample: Sample): Promise<Answers> {
  const { payload, display } = sample;
  const receiver = randomUUID();
  const createBody = createBodyNow(sample);
  const create = await connection.request(
    `POST /v1/m HTTP/1.1\r\n${COMMON}\r\nContent-Type: application/json\r\nContent-Length: ${createBody.length}\r\n` +
      `Mailbox-Request-ID: ${randomUUID()}\r\nMailbox-Device-Claim: ${randomUUID()}\r\n\r\n${createBody}`,
  );
  demandSuccess('create', create);
  const identifier = IDENTIFIER.exec(create.body)?.[1];
  if (identifier === undefined) throw new Error(`The answer to a create names no mailbox: ${create.body}`);

  const path = `/v1/m/${identifier}`;
  const preview = await connection.request(`GET ${path} HTTP/1.1\r\n${COMMON}\r\n\r\n`);
  demandSuccess('preview', preview);
  if (!preview.body.includes(display.title)) throw new Error('A preview lacks the title.');

  const device = (): string => `Mailbox-Request-ID: ${randomUUID()}\r\nMailbox-Device-Claim: ${receiver}\r\n\r\n`;
  const read = await connection.request(`POST ${path} HTTP/1.1\r\n${COMMON}\r\nContent-Length: 0\r\n${device()}`);
  demandSuccess('read', read);
  if (!read.body.includes(payload.data)) throw new Error('A read lacks the payload that was sent.');

  const remove = await connection.request(`DELETE ${path} HTTP/1.1\r\n${COMMON}\r\n${device()}`);
  demandSuccess('delete', remove);
  return { identifier, create, preview, read, remove };
}

function demandSuccess(operation: string, { status, body }: Answer): void {
  if (status < 200 || status > 299) throw new Error(`A ${operation} was answered ${status}: ${body}`);
}

/** Runs one transfer against a real relay and keeps its answers, for ceilings to imitate. */
export async function takeModel(connection: Connection, sample: Sample): Promise<Model> {
  const { identifier, create, preview, read, remove } = await transfer(connection, sample);
  return {
    identifier,
    create: modelOf(create),
    preview: modelOf(preview),
    read: modelOf(read),
    remove: modelOf(remove),
  };
}

/** Every server here gets these from node:http. */
const ADDED_BY_NODE = new Set(['date', 'connection', 'keep-alive']);

function modelOf({ head, body }: Answer): ModelAnswer {
  const fields = head.split('\r\n').slice(1);
  const headers = fields.flatMap((field) => {
    const colon = field.indexOf(': ');
    const name = field.slice(0, colon);
    return ADDED_BY_NODE.has(name.toLowerCase()) ? [] : [name, field.slice(colon + 2)];
  });
  return { headers, body };
}
