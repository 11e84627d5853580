import { describe, expect, it } from 'vitest';
import { device, PUBLIC_URL, testRelay } from '../support/relay/relay.js';

/* The JSON samples of the two drafts, with valid base64, plain quotes, and the date of the samples. */

const DATA = 'FDEC987654321A==';
const THEN = Date.parse('2022-02-08T12:00:00Z');

const CREATE_SAMPLE = `{
    "displayInformation" : {
        "title" : "Hotel Pass",
        "description" : "Some Hotel Pass",
        "imageURL" : "https://example.com/sharingImage"
    },
    "payload" : {
        "type": "AEAD_AES_128_GCM",
        "data": "${DATA}"
    },
    "notificationToken" : {
        "type" : "com.apple.apns",
        "tokenData" : "APNS...1234"
    },
    "mailboxConfiguration" : {
        "accessRights" : "RWD",
        "expiration" : "2022-02-08T14:57:22Z"
    }
}`;

const UPDATE_SAMPLE = `{
     "payload" : {
        "type": "AEAD_AES_128_GCM",
        "data": "${DATA}"
    },
    "notificationToken":{
        "type" : "com.apple.apns",
        "tokenData" : "APNS...1234"
    }
}`;

describe('the JSON samples of the drafts', () => {
  const relay = testRelay({ clock: () => THEN });
  const sender = device(relay);
  const receiver = device(relay);

  it('CreateMailbox: the sample request gets an answer with the members of the sample answer [§4 N18 N24]', async () => {
    const { status, json } = await sender.create(CREATE_SAMPLE);
    expect(status).toBe(200);
    expect(Object.keys(json).sort()).toEqual(['isPushNotificationSupported', 'urlLink']);
    expect(json.urlLink).toMatch(/\/v1\/m\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('ReadSecureContentFromMailbox: the answer equals the sample answer [§4 N29]', async () => {
    const created = await sender.create(CREATE_SAMPLE);
    const { json } = await receiver.read(created.json.urlLink);
    expect(json).toEqual({
      displayInformation: {
        title: 'Hotel Pass',
        description: 'Some Hotel Pass',
        imageURL: 'https://example.com/sharingImage',
      },
      payload: { type: 'AEAD_AES_128_GCM', data: DATA },
      expiration: '2022-02-08T14:57:22Z',
    });
  });

  it('UpdateMailbox: the relay answers the sample request as in the sample [§4 N19]', async () => {
    const { json } = await sender.create(CREATE_SAMPLE);
    const answer = await sender.update(json.urlLink, undefined, { body: UPDATE_SAMPLE });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json)).toEqual(['isPushNotificationSupported']);
  });

  it('ReadDisplayInformationFromMailbox: the page equals the sample page with two corrected tags [§9]', async () => {
    const { json } = await sender.create(CREATE_SAMPLE);
    const { text } = await sender.preview(json.urlLink);
    expect(text).toContain('prefix="og: https://ogp.me/ns#"');
    expect(text).toContain('<title>Hotel Pass</title>');
    expect(text).toContain('<meta property="og:title" content="Hotel Pass">');
    expect(text).toContain('<meta property="og:description" content="Some Hotel Pass">');
    expect(text).toContain('<meta property="og:image" content="https://example.com/sharingImage">');
    expect(text).toContain('<meta property="og:type" content="website">');
    expect(text).toContain(`<meta property="og:url" content="${json.urlLink}">`);
  });

  it('the mailboxConfiguration of SCT-03 gets 400 with the name of its successor [§3]', async () => {
    const body = { ...JSON.parse(CREATE_SAMPLE), mailboxConfiguration: { timeToLive: '86400' } };
    const { status, json } = await sender.create(body);
    expect({ status, code: json.code, field: json.field }).toEqual({
      status: 400,
      code: 'body_invalid',
      field: 'mailboxConfiguration.timeToLive',
    });
    expect(json.detail).toContain('expiration');
  });

  it('the relay ignores header names from before SCT-05 [§3]', async () => {
    const response = await relay.fetch(
      new Request(`${PUBLIC_URL}/v1/m`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', deviceClaim: sender.claim, 'Mailbox-Request-ID': 'one' },
        body: CREATE_SAMPLE,
      }),
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'claim_missing' });
  });
});
