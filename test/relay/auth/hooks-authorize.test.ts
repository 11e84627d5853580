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

/* PROTOCOL §5: `authorize` is asked once the device is known, before its rights; its refusal changes nothing. */

watchForLeaks();

/** A scene that writes down what the authorize hook is told. */
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

describe('what it is told', () => {
  test('operation and role, of every operation of a device', async () => {
    const { site, told } = await recordingScene();
    const { open, taken } = site;
    const receiver = visitor(site.relay);
    expect((await open.sender.create()).status).toBe(200);
    expect((await receiver.read(open.url)).status).toBe(200); // The read that binds.
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

  test('the Principal of the authentication hook of the same operation; none without', async () => {
    const principal = { app: 'app-1', scopes: ['create'], via: ['A'] };
    const { site, asked } = await recordingScene({ authenticate: { create: () => principal } });
    for (const operation of ['create', 'read'] as const) await site.attempt(operation);
    expect(asked.map(({ principal }) => principal)).toEqual([principal, undefined]);
    expect(asked.map((input) => Object.hasOwn(input, 'principal'))).toEqual([true, true]);
  });

  test('all that an authentication hook is told, and nothing of claim, body and mailbox', async () => {
    const { site, asked } = await recordingScene();
    await site.attempt('update');
    const members = ['attestation', 'header', 'host', 'method', 'operation', 'relay', 'signal', 'url'];
    expect(Object.keys(asked[0] ?? {}).sort()).toEqual([...members, 'principal', 'role'].sort());
    expect(asked[0]).toMatchObject({ method: 'PUT', url: site.open.url, operation: 'update' });
    expect(asked[0]?.signal.aborted).toBe(false);
    expect(asked[0]?.header('authorization')).toMatch(/^Bearer /);
  });
});

describe('when it is asked', () => {
  test('not for a preview, and not for a mailbox that is not there', async () => {
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

  test('not for a device that may not act: 401 comes first', async () => {
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

  test('not for a duplicate: create, update and relinquish get their 201', async () => {
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

  test('not for the late retry of a create whose mailbox is cancelled', async () => {
    const { site, refuse, told } = await recordingScene();
    const ids = { requestId: 'cancelled' };
    const created = await site.open.sender.create(createBody(), ids);
    expect((await site.open.sender.delete(created.json.urlLink)).status).toBe(200);
    told();
    refuse();
    expect((await site.open.sender.create(createBody(), ids)).status).toBe(201);
    expect(told()).toEqual([]);
  });

  test('before the access rights: 403 where a right is missing as well', async () => {
    const { site, refuse } = await recordingScene();
    const { sender } = site.open;
    const url = (await sender.create(createBody({ mailboxConfiguration: undefined }))).json.urlLink;
    expect((await sender.update(url)).json.code).toBe('right_missing'); // The default rights are RD.
    refuse();
    expect((await sender.update(url)).json.code).toBe('forbidden');
  });

  test('before the known version: 403 where another is current as well', async () => {
    const { site, refuse } = await recordingScene();
    const stale = { headers: { 'Mailbox-Known-Version': 'stale' } };
    expect((await site.attempt('update', stale)).json.code).toBe('version_changed');
    refuse();
    expect((await site.attempt('update', stale)).json.code).toBe('forbidden');
  });
});

describe('what its refusal does', () => {
  test.each(DEVICE_OPERATIONS)('%s: nothing, and the request is not used up', async (operation) => {
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

  test('a read that it refuses binds nobody: another device is bound', async () => {
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
