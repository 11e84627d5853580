import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { run } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';

/* Messages repeat no links and no passwords: a link opens a share, and the URL of a store can have a password. */

const site = setUpSite();

const ID = '2ba7b0e6-519b-41ec-bf63-0242ac130002';
const SECRET = '7Mm+gKq1+QQjWWa9lbLahg==';
const LINK = `https://relay.example/v1/m/${ID}?v=h#${SECRET}`;
const BARE = LINK.replace('https://', '');
const STORE = 'redis://user:hunter2@store.example:6379';
const RELAY = 'https://relay.example';

describe('messages without secrets', () => {
  it.each([
    [[LINK], /the first argument is not a command; a link follows receive, wait or cancel/],
    [['help', LINK], /the first argument is not a command/],
    [['receive', LINK, LINK], /argument 2 is unexpected: this command takes only <url>/],
    [['receive', `${LINK.slice(0, -9)} see you`, '--allow', 'relay.example'], /<url>: /],
    [['receive', `${LINK} ${LINK.replace('2ba7', '3ba7')}`], /<url>: has more than one possible meaning/],
    [['receive', LINK.split('#')[0] ?? ''], /<url>: has no Secret .*--secret-file FILE.*RELAY_SECRET/],
    [['receive', LINK.slice(0, -4)], /<url>: the part after # is not a Secret/],
    [['receive', BARE.replace('/m/', '/x/')], /<url>: must be/],
    [['receive', `-${LINK}`], /argument 1 is an unknown option/],
    [['receive', '-', `--out=${LINK}`, `--${SECRET}`], /argument 3 is an unknown option/],
    [['receive', LINK, `--ot=${SECRET}`], /unknown option --ot; did you mean --out\?/],
    [['receive', LINK, `--json=${SECRET}`], /'--json' does not take an argument/],
    [['receive', LINK, '--out'], /'--out <value>' argument missing/],
    [['receive', LINK, '--allow', LINK], /--allow: /],
    [['receive', LINK, '--retry-timeout', SECRET], /--retry-timeout: must be a duration/],
    [['receive', LINK, '--out', LINK], /--out: .*ENOENT/],
    [['send', LINK, '--relay', RELAY], /<file>: no such file or directory \(ENOENT\)/],
    [['send', '-', '--relay', LINK], /--relay: must have no \? and no #/],
    [['send', '-', '--relay', BARE], /--relay: must be a URL; write https:\/\/ before it/],
    [['send', '-', '--relay', 'https://user:hunter2@relay.example'], /--relay: must be an https URL/],
    [['send', '-', '--relay', RELAY, '--vertical', SECRET], /--vertical: /],
    [['send', '-', '--relay', RELAY, '--expires', SECRET], /--expires: /],
    [['send', '-', '--relay', RELAY, '--limit', SECRET], /--limit: /],
    [['send', '-', '--relay', RELAY, '--image', `http://user:hunter2@${BARE}`], /--image: /],
    [['wait', LINK, SECRET], /argument 2 is unexpected/],
    [['cancel', LINK], /has no share in progress with this link/],
    [['serve', `--stor=${STORE}`], /unknown option --stor; did you mean --store\?/],
    [['serve', STORE], /argument 1 is unexpected/],
    [['serve', '--store', STORE.replace('redis', 'mongodb')], /--store: the URL must begin with one of/],
    [['serve', '--store', STORE], /RELAY_KEYS: this store needs server keys/],
    [['serve', '--store', STORE.replace('6379', 'port')], /redisStore: the port must be a number from 1 to 65535/],
    [['serve', '--store', STORE.replace('redis:', 'postgres:').replace('6379', 'port')], /the URL cannot be read/],
    [['serve', '--port', STORE], /--port: /],
    [['serve', '--port', '0', '--host', 'hunter2', '--public-url', RELAY], /--host and --port: .*\(E[A-Z_]+\)/],
    [['serve', '--port', '0', '--public-url', LINK], /--public-url: /],
    [['serve', '--port', '0', '--mount-path', LINK], /--mount-path: /],
  ])('%j repeats no link and no password', async (args, why) => {
    const { code, out, err } = await run(site.device(), args, '');
    expect([code === 1 || code === 2 || code === 3, out.toString()]).toEqual([true, '']);
    expect(err).toMatch(why);
    for (const hidden of [ID, SECRET.slice(0, 8), 'hunter2']) expect(err).not.toContain(hidden);
  });

  it.each([
    [['serve', '--port', '0'], { RELAY_KEYS: 'hunter2' }, /RELAY_KEYS: /],
    [['serve', '--port', '0'], { RELAY_STORE: STORE.replace('redis', 'mongodb') }, /--store: /],
    [['send', '-'], { RELAY_URL: BARE }, /--relay: /],
    [['cancel', LINK], { RELAY_STATE: `/dev/null/${SECRET}` }, /--state \(or RELAY_STATE\): .*ENOTDIR/],
  ])('%j with %j repeats no link and no password', async (args, env, why) => {
    const { err } = await run(site.device(), args, '', env);
    expect(err).toMatch(why);
    for (const hidden of [ID, SECRET.slice(0, 8), 'hunter2']) expect(err).not.toContain(hidden);
  });

  it('cancel repeats no content of a state file', async () => {
    const device = site.device();
    const url = await site.sent(device);
    const folder = `${device}/state`;
    const [name = ''] = await site.listStates(device);
    const state = JSON.parse(await readFile(`${folder}/${name}`, 'utf8'));
    await writeFile(`${folder}/${name}`, JSON.stringify({ ...state, pending: 'hunter2', seen: ['hunter2'] }));
    const { code, err } = await run(device, ['cancel', url]);
    expect(code).not.toBe(0);
    expect(err).not.toContain('hunter2');
  });
});
