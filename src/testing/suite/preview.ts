/** ReadDisplayInformationFromMailbox: a page that anybody may open and that nothing can be done with. */
import assert from 'node:assert/strict';
import type { Answer } from '../wire.js';
import { expectStatus } from './checks.js';
import { BOTS, HOSTILE, legible } from './corpus.js';
import { display, newClaim } from './fixtures.js';
import { openGraphOf, skeletonOf, tagsOf, textOf } from './html.js';
import type { Relay, Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

export function previewTests(test: Test): void {
  test('ReadDisplayInformationFromMailbox: answers UTF-8 HTML without a claim [§9 N28]', async (relay) => {
    const answer = await relay.preview(await relay.open(), { id: null });
    expectStatus(answer, 200);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/html;\s*charset="?utf-8"?$/i);
    assert.match(answer.text, /^\s*<!doctype html>/i);
  });

  test('ReadDisplayInformationFromMailbox: carries the OpenGraph properties [§9 N28 A44]', async (relay) => {
    const mailbox = await relay.open();
    const { text } = await relay.preview(mailbox);
    const { title, description, imageURL } = display();
    const properties = openGraphOf(text);
    assert.equal(properties.get('og:title'), title);
    assert.equal(properties.get('og:description'), description);
    assert.equal(properties.get('og:image'), imageURL);
    assert.equal(properties.get('og:type'), 'website');
    assert.equal(properties.get('og:url'), mailbox.urlLink);
    const prefixes = tagsOf(text).map(({ attributes }) => attributes.get('prefix'));
    assert.ok(prefixes.includes('og: https://ogp.me/ns#'), 'prefix');
  });

  test('ReadDisplayInformationFromMailbox: og:url is canonical for any query [§9 A44]', async (relay) => {
    const mailbox = await relay.open();
    for (const query of ['', '?v=c', '?v=h&utm_source=%22%3E%3Cscript%3E']) {
      const answer = await relay.preview(mailbox, { query });
      expectStatus(answer, 200, query);
      assert.equal(openGraphOf(answer.text).get('og:url'), mailbox.urlLink, query);
      assert.equal(answer.text.includes('utm_source'), false, 'the query is not repeated');
    }
  });

  test('ReadDisplayInformationFromMailbox: og:url does not follow the Host of the request [§10 S10]', async (relay) => {
    const mailbox = await relay.open();
    const headers = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };
    const answer = await relay.send('GET', mailbox.path, { headers });
    expectStatus(answer, 200);
    assert.equal(openGraphOf(answer.text).get('og:url'), mailbox.urlLink);
    assert.equal(answer.text.includes('evil.example'), false);
  });

  test('ReadDisplayInformationFromMailbox: carries the headers that keep it private [§9 S5]', async (relay) => {
    const { headers } = await relay.preview(await relay.open());
    assert.match(headers.get('cache-control') ?? '', /(^|,\s*)no-store(,|$)/);
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('x-robots-tag') ?? '', /\bnoindex\b/);
  });

  test('ReadDisplayInformationFromMailbox: its Content-Security-Policy forbids scripts [§9 N43 S5]', async (relay) => {
    const { headers } = await relay.preview(await relay.open());
    const directives = new Map<string, string>();
    for (const directive of (headers.get('content-security-policy') ?? '').split(';')) {
      const [name = '', ...values] = directive.trim().split(/\s+/);
      // The first of two directives of one name counts.
      if (!directives.has(name)) directives.set(name, values.join(' '));
    }
    const scripts = directives.get('script-src') ?? directives.get('default-src');
    assert.equal(scripts, "'none'");
    for (const name of ['script-src-elem', 'script-src-attr']) {
      assert.equal(directives.get(name) ?? scripts, "'none'", name);
    }
  });

  test('ReadDisplayInformationFromMailbox: holds no script of any kind [§9 N43 S5]', async (relay) => {
    for (const { name, attributes } of tagsOf((await relay.preview(await relay.open())).text)) {
      assert.notEqual(name, 'script');
      for (const [attribute, value] of attributes) {
        assert.doesNotMatch(attribute, /^on/, `<${name} ${attribute}>`);
        assert.doesNotMatch(value, /^\s*javascript:/i, `<${name} ${attribute}>`);
      }
    }
  });

  test('ReadDisplayInformationFromMailbox: its text says what it is and what to do [§9]', async (relay) => {
    const text = textOf((await relay.preview(await relay.open())).text);
    const { title, description } = display();
    assert.ok(text.includes(String(title)), text);
    assert.ok(text.includes(String(description)), text);
    const advice = text.replaceAll(String(title), '').replaceAll(String(description), '').trim();
    assert.ok(advice.length > 20, `what to do: ${advice}`);
  });

  test('ReadDisplayInformationFromMailbox: hostile text stays text [§9 S7]', async (relay) => {
    const plain = skeletonOf((await relay.preview(await relay.open())).text);
    for (const hostile of HOSTILE) {
      const displayInformation = display({ title: hostile, description: hostile });
      const { text } = await relay.preview(await relay.open('RD', { displayInformation }));
      assert.deepEqual(skeletonOf(text), plain, hostile);
      assert.equal(legible(openGraphOf(text).get('og:title')), legible(hostile));
      assert.equal(legible(openGraphOf(text).get('og:description')), legible(hostile));
    }
  });

  test('ReadDisplayInformationFromMailbox: a hostile imageURL is refused or stays a URL [§9 S7]', async (relay) => {
    const plain = skeletonOf((await relay.preview(await relay.open())).text);
    for (const tail of ['?"><script>alert(1)</script>', "?'onerror='alert(1)", '?a=1&quot;&lt;b&gt;', "?$&$1$'"]) {
      const displayInformation = display({ imageURL: `https://images.example/a.png${tail}` });
      const answer = await createOrRefusal(relay, displayInformation);
      if (answer !== undefined) assert.deepEqual(skeletonOf(answer.text), plain, tail);
    }
  });

  test('ReadDisplayInformationFromMailbox: text of any script and of full length is shown [§9 N4]', async (relay) => {
    const displayInformation = display({ title: 'Hôtel 王宮 🏨 مفتاح', description: 'д'.repeat(500) });
    const { text } = await relay.preview(await relay.open('RD', { displayInformation }));
    assert.equal(openGraphOf(text).get('og:title'), displayInformation.title);
    assert.match(openGraphOf(text).get('og:description') ?? '', /^д{50,500}…?(\.\.\.)?$/);
  });

  test('ReadDisplayInformationFromMailbox: is HTML for any Accept [§9 A27]', async (relay) => {
    const mailbox = await relay.open();
    const types = [
      'application/json',
      'image/*',
      'text/plain;q=1, text/html;q=0',
      'application/problem+json',
      'nonsense',
    ];
    for (const accept of types) {
      const answer = await relay.preview(mailbox, { headers: { Accept: accept } });
      expectStatus(answer, 200, accept);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/html\b/i, accept);
    }
  });

  test('ReadDisplayInformationFromMailbox: never shows the payload, even to a bound device [§9 A27]', async (relay) => {
    const mailbox = await relay.openBound();
    const { type, data } = mailbox.body.payload as { type: string; data: string };
    for (const claim of [null, mailbox.sender, mailbox.receiver]) {
      const { text } = await relay.call('GET', mailbox.path, claim, { headers: { Accept: 'application/json' } });
      for (const secret of [type, data, mailbox.sender, mailbox.receiver]) assert.equal(text.includes(secret), false);
    }
  });

  test('ReadDisplayInformationFromMailbox: bots that GET and HEAD change nothing [§9 S3]', async (relay) => {
    const mailbox = await relay.open();
    const before = await stateOf(relay, mailbox);
    for (const agent of BOTS) {
      for (const method of ['GET', 'HEAD', 'GET']) {
        const extra = { headers: { 'User-Agent': agent }, query: '?v=c', id: null };
        expectStatus(await relay.call(method, mailbox.path, null, extra), 200, agent);
      }
    }
    await expectUnchanged(relay, mailbox, before);
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'a receiver can still be bound');
  });

  test('ReadDisplayInformationFromMailbox: a claim sent with it is not bound [§9 S3]', async (relay) => {
    const mailbox = await relay.open();
    const before = await stateOf(relay, mailbox);
    const claim = newClaim();
    expectStatus(await relay.call('GET', mailbox.path, claim), 200, 'GET');
    expectStatus(await relay.call('HEAD', mailbox.path, claim), 200, 'HEAD');
    await expectUnchanged(relay, mailbox, before);
  });

  test('ReadDisplayInformationFromMailbox: stays the same after the bind and after updates [§9 A34]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const before = openGraphOf((await relay.preview(mailbox)).text);
    const receiver = newClaim();
    expectStatus(await relay.read(mailbox, receiver), 200);
    expectStatus(await relay.update(mailbox, receiver), 200);
    assert.deepEqual(openGraphOf((await relay.preview(mailbox)).text), before);
  });
}

/** The preview of a mailbox with this display information, or nothing where the relay refuses it. */
async function createOrRefusal(relay: Relay, displayInformation: Record<string, unknown>): Promise<Answer | undefined> {
  const body = { payload: { type: 'AEAD_AES_128_GCM', data: 'AAAA' }, displayInformation };
  const answer = await relay.create(newClaim(), { body });
  if (answer.status === 400) return undefined;
  expectStatus(answer, 200);
  const { urlLink } = JSON.parse(answer.text) as { urlLink: string };
  return relay.preview({ path: `/v1/m/${urlLink.split('/').at(-1)}` });
}
