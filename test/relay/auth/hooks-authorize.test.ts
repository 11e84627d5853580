import type { AuthorizationInput, RelayOptions } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import {
  DEVICE_OPERATIONS,
  refusing,
  type Scene,
  setScene,
  visitor,
  watchedRelay,
  watchForLeaks,
} from '../../support/auth/hooks.js';
import { createBody } from '../../support/relay/relay.js';

/*
 * docs/protocol.md §5: the relay calls `authorize` after it identified the device, and before it checks the rights. A
 * refusal changes nothing.
 */

watchForLeaks();

/** A scene that records the input of the authorize hook. */
async function recordingScene(
  options: Partial<RelayOptions> = {},
): Promise<{ site: Scene; asked: AuthorizationInput[]; refuse(): void; told(): string[] }> {
  const asked: AuthorizationInput[] = [];
  let refused = false;
  const site = await setScene({
    ...options,
    authorize(input) {
      asked.push(input);
      if (refused) refusing('forbidden')(input);
    },
  });
  asked.length = 0;
  return {
    site,
    asked,
    refuse: () => {
      refused = true;
    },
    told: () => asked.splice(0).map(({ operation, role }) => `${operation} ${role}`),
  };
}

describe('the input of the authorize hook', () => {
  test('has the operation and the role, for every device operation', async () => {
    const { site, told } = await recordingScene();
    const { open, taken } = site;
    const receiver = visitor(site.relay);
    expect((await open.sender.create()).status).toBe(200);
    expect((await receiver.read(open.url)).status).toBe(200); // This read binds the receiver.
    expect((await receiver.read(open.url)).status).toBe(200);
    expect((await open.sender.read(open.url)).status).toBe(200);
    expect((await receiver.update(open.url)).status).toBe(200);
    expect((await open.sender.update(open.url)).status).toBe(200);
    expect((await receiver.relinquish(open.url)).status).toBe(200);
    expect((await taken.receiver.delete(taken.url)).status).toBe(200);
    expect((await open.sender.delete(open.url)).status).toBe(200);
    expect(told()).toEqual([
      'create sender',
      'read receiver',
      'read receiver',
      'read sender',
      'update receiver',
      'update sender',
      'relinquish receiver',
      'delete receiver',
      'delete sender',
    ]);
  });

  test('has the Principal of the authentication hook of the operation, and no Principal without a hook', async () => {
    const principal = { app: 'app-1', scopes: ['create'], via: ['A'] };
    const { site, asked } = await recordingScene({ authenticate: { create: () => principal } });
    for (const operation of ['create', 'read'] as const) await site.attempt(operation);
    expect(asked.map(({ principal }) => principal)).toEqual([principal, undefined]);
    expect(asked.map((input) => Object.hasOwn(input, 'principal'))).toEqual([true, true]);
  });

  test('has the input of an authentication hook, and nothing about body and mailbox but the digest of the payload', async () => {
    const { site, asked } = await recordingScene();
    await site.attempt('update');
    const members = ['attestation', 'header', 'host', 'method', 'operation', 'payloadDigest', 'relay', 'signal', 'url'];
    expect(Object.keys(asked[0] ?? {}).sort()).toEqual([...members, 'principal', 'role'].sort());
    expect(asked[0]).toMatchObject({ method: 'PUT', url: site.open.url, operation: 'update' });
    expect(asked[0]?.signal.aborted).toBe(false);
    expect(asked[0]?.header('authorization')).toMatch(/^Bearer /);
  });
});

describe('the relay calls the authorize hook', () => {
  test('not for a preview, and not for a missing mailbox', async () => {
    const { site, refuse, told } = await recordingScene();
    refuse();
    expect((await site.attempt('preview')).status).toBe(200);
    const unknown = site.open.url.replace(/[0-9a-f]{12}$/, '000000000000');
    for (const operation of ['read', 'update', 'relinquish', 'delete'] as const) {
      const answer = await site.open.sender[operation](unknown);
      expect([answer.status, answer.json.code], operation).toEqual([404, 'mailbox_not_found']);
    }
    expect(told()).toEqual([]);
  });

  test('not for a device without permission, which gets 401', async () => {
    const { site, refuse, told } = await recordingScene();
    const { open, taken } = site;
    const released = taken.receiver;
    expect((await released.relinquish(taken.url)).status).toBe(200);
    expect((await visitor(site.relay).read(taken.url)).status).toBe(200);
    told();
    refuse();
    const stranger = visitor(site.relay);
    const refused = [
      [stranger.read(taken.url), 'mailbox_taken'],
      [stranger.update(open.url), 'not_bound'],
      [stranger.relinquish(open.url), 'not_bound'],
      [stranger.delete(open.url), 'not_bound'],
      [open.sender.relinquish(open.url), 'not_bound'],
      [released.read(taken.url), 'claim_released'],
      [released.update(taken.url), 'claim_released'],
      [released.delete(taken.url), 'claim_released'],
    ] as const;
    for (const [answer, code] of refused) {
      const { status, json } = await answer;
      expect([status, json.code]).toEqual([401, code]);
    }
    expect(told()).toEqual([]);
  });

  test('not for a duplicate create, update or relinquish, which gets 201', async () => {
    const { site, refuse, told } = await recordingScene();
    for (const operation of ['create', 'update', 'relinquish'] as const) {
      expect((await site.attempt(operation)).status).toBe(200);
    }
    expect(told()).toHaveLength(3);
    refuse();
    for (const operation of ['create', 'update', 'relinquish'] as const) {
      expect((await site.attempt(operation)).status, operation).toBe(201);
    }
    expect(told()).toEqual([]);
  });

  test('not for the late retry of a create after the cancel', async () => {
    const { site, refuse, told } = await recordingScene();
    const ids = { requestId: 'cancelled' };
    const created = await site.open.sender.create(createBody(), ids);
    expect((await site.open.sender.delete(created.json.urlLink)).status).toBe(200);
    told();
    refuse();
    expect((await site.open.sender.create(createBody(), ids)).status).toBe(201);
    expect(told()).toEqual([]);
  });

  test('before the check of the access rights: 403, also if a right is missing', async () => {
    const { site, refuse } = await recordingScene();
    const { sender } = site.open;
    const url = (await sender.create(createBody({ mailboxConfiguration: undefined }))).json.urlLink;
    expect((await sender.update(url)).json.code).toBe('right_missing'); // The default rights are RD.
    refuse();
    expect((await sender.update(url)).json.code).toBe('forbidden');
  });

  test('before the check of the known version: 403, also if another version is current', async () => {
    const { site, refuse } = await recordingScene();
    const stale = { headers: { 'Mailbox-Known-Version': 'stale' } };
    expect((await site.attempt('update', stale)).json.code).toBe('version_changed');
    refuse();
    expect((await site.attempt('update', stale)).json.code).toBe('forbidden');
  });
});

describe('a refusal of the authorize hook', () => {
  test.each(DEVICE_OPERATIONS)('changes nothing on %s, and does not use up the request id', async (operation) => {
    let refused = false;
    const site = await setScene({ authorize: (input) => void (refused && refusing('forbidden')(input)) });
    const before = site.stored();
    refused = true;
    const answer = await site.attempt(operation);
    expect([answer.status, answer.json.code]).toEqual([403, 'forbidden']);
    expect(answer.headers.has('Mailbox-Version')).toBe(false);
    expect(site.stored()).toBe(before);
    refused = false;
    expect((await site.attempt(operation)).status).toBe(200);
  });

  test('binds no receiver on a read, so another device can bind', async () => {
    const { relay } = watchedRelay({
      authorize: ({ role, header }) =>
        void (role === 'receiver' && header('X-Blocked') && refusing('forbidden')({} as never)),
    });
    const sender = visitor(relay);
    const url = (await sender.create()).json.urlLink;
    const blocked = await visitor(relay).read(url, { headers: { 'X-Blocked': 'yes' } });
    expect(blocked.status).toBe(403);
    expect((await sender.read(url)).headers.get('Mailbox-Receiver')).toBe('none');
    expect((await visitor(relay).read(url)).status).toBe(200);
  });
});
