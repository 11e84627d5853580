/** What only the sender can see from outside: its reads bind nobody and tell all there is to tell. */
import assert from 'node:assert/strict';
import { expectJson, versionOf } from './checks.js';
import type { Mailbox, Relay } from './relay.js';

/** The state of a live mailbox. */
export interface State {
  readonly version: string;
  readonly receiver: string | null;
  readonly payload: unknown;
  readonly displayInformation: unknown;
  readonly expiration: unknown;
}

/** Reads a mailbox as its sender. */
export async function stateOf(relay: Relay, mailbox: Mailbox): Promise<State> {
  const answer = await relay.read(mailbox, mailbox.sender);
  const { payload, displayInformation, expiration } = expectJson(answer, 200, 'reading as the sender');
  const receiver = answer.headers.get('mailbox-receiver');
  return { version: versionOf(answer), receiver, payload, displayInformation, expiration };
}

/** Asserts that nothing a device could notice has changed since the state was read. */
export async function expectUnchanged(relay: Relay, mailbox: Mailbox, before: State, why = ''): Promise<void> {
  assert.deepEqual(await stateOf(relay, mailbox), before, why);
}
