import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import type { Fleet, Member } from '../process/fleet.js';
import { createBody, type TestPayload } from '../protocol/bodies.js';
import { atOrigin, operation } from '../protocol/device.js';
import { type Answer, start } from '../protocol/http.js';

/** The public URL of the relay processes. A request goes to the origin of a member, with the path of this URL. */
export const PUBLIC_URL = 'http://localhost/relay';

/** One request, for any member. */
export interface FleetCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** A share URL, or the URL of the collection. */
  readonly url: string;
  readonly claim?: string;
  readonly requestId?: string;
  readonly knownVersion?: string;
  readonly body?: unknown;
}

export interface ClientFigures {
  requests: number;
  /** Requests that were sent again to another process, under the same request id. */
  retries: number;
  /** Requests without an answer: dropped on purpose, or cut off. */
  unanswered: number;
  /** 503s. */
  unavailable: number;
  /** The longest time from a call to its final answer, retries included, in ms. */
  longestMs: number;
}

/** Devices that use a fleet. */
export interface FleetClient {
  readonly fleet: Fleet;
  readonly figures: ClientFigures;
  /** Sends once. `undefined`: no answer came, and the outcome is unknown. */
  send(call: FleetCall, to?: Member): Promise<Answer | undefined>;
  /**
   * Sends, and retries under the same request id at other members until an answer is not 503. `tries` is the number of
   * requests. Rejects if no such answer comes within 30 s.
   */
  retry(call: FleetCall, to?: Member): Promise<Answer & { readonly tries: number }>;
  close(): void;
}

export interface ClientFaults {
  /** Share of the answers, 0 to 1, that the client does not read. Default 0. */
  readonly dropped?: number;
  /** True: retries use a new request id, which the protocol forbids. A contrast. Default false. */
  readonly newRequestIds?: boolean;
}

/** Limit of a call with all its retries. */
const CALL_MS = 30_000;

export function createClient(fleet: Fleet, { dropped = 0, newRequestIds = false }: ClientFaults = {}): FleetClient {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 });
  const figures: ClientFigures = { requests: 0, retries: 0, unanswered: 0, unavailable: 0, longestMs: 0 };

  async function send(call: FleetCall, to = fleet.pick()): Promise<Answer | undefined> {
    figures.requests += 1;
    to.inFlight += 1;
    const answer = await sendTo(agent, call, to, Math.random() < dropped);
    to.inFlight -= 1;
    if (answer === undefined) figures.unanswered += 1;
    else if (answer.status === 503) figures.unavailable += 1;
    return answer;
  }

  async function retry(call: FleetCall, to = fleet.pick()): Promise<Answer & { tries: number }> {
    const began = performance.now();
    let target = to;
    for (let attempt = 0; ; attempt += 1) {
      const renewed = newRequestIds && attempt > 0 ? { requestId: randomUUID() } : {};
      const answer = await send({ ...call, ...renewed }, target);
      const took = performance.now() - began;
      figures.longestMs = Math.max(figures.longestMs, took);
      if (answer !== undefined && answer.status !== 503) return { ...answer, tries: attempt + 1 };
      if (took > CALL_MS) throw new Error(`${call.method}: no final answer within ${CALL_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(200, 4 * 2 ** attempt)));
      figures.retries += 1;
      target = fleet.pick(target);
    }
  }

  return { fleet, figures, send, retry, close: () => agent.destroy() };
}

async function sendTo(agent: Agent, call: FleetCall, to: Member, drop: boolean): Promise<Answer | undefined> {
  const { method, url, claim, requestId = null, knownVersion, body } = call;
  const headers = knownVersion === undefined ? {} : { 'Mailbox-Known-Version': knownVersion };
  const sent = start({ ...operation(method, atOrigin(url, to.url), claim, body, { requestId, headers }), agent });
  // The delay is near the time of an answer: the connection closes sometimes before the change, sometimes after.
  if (drop) sent.request.on('finish', () => setTimeout(sent.destroy, Math.random() * 4));
  const answer = await sent.answer.catch(() => undefined);
  return drop ? undefined : answer;
}

/** A CreateMailbox request of a sender. All copies of the call have one request id. */
export function createCall(payload: TestPayload, claim: string = randomUUID()): FleetCall & { readonly claim: string } {
  return { method: 'POST', url: `${PUBLIC_URL}/v1/m`, claim, requestId: randomUUID(), body: createBody({ payload }) };
}

/** The body of a success; throws an Error with status and code for any other answer. */
export function bodyOfSuccess(answer: Answer, name: string): { urlLink: string; payload: TestPayload } {
  const { status, json } = answer;
  if (status === 200 || status === 201) return json;
  throw new Error(`${name}: ${status} ${json.code ?? ''}`);
}
