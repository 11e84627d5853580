import { describe, expect, it } from 'vitest';
import { parsePreferredWait } from '../../../src/relay/http/prefer.js';
import { HANDLERS, serveInTests } from '../../support/long-poll/served.js';
import { createBoundPair } from '../../support/protocol/device.js';
import type { Field } from '../../support/protocol/http.js';

const parse = (value: string | undefined): number | undefined =>
  parsePreferredWait({ header: () => value, repeated: () => false });

describe('Prefer [RFC 7240]', () => {
  it.each<[value: string, seconds: number]>([
    ['wait=25', 25],
    ['wait=0', 0],
    ['wait=007', 7],
    ['WAIT=25', 25],
    ['Wait="25"', 25],
    ['wait = 25', 25],
    ['  wait\t=\t25  ', 25],
    ['wait=25; foo', 25],
    ['wait=25;foo=bar;baz="a, b"', 25],
    ['wait="25" ; foo', 25],
    ['respond-async, wait=25', 25],
    ['respond-async,,wait=25,', 25],
    ['return=minimal; foo="some, parameter", wait=25', 25],
    ['foo="a \\" b, wait=1", wait=25', 25],
    ['lenient, wait=25, foo="', 25],
    ['wait=4294967296', 4_294_967_296],
    [`wait=${'9'.repeat(400)}`, Number.POSITIVE_INFINITY],
  ])('%s requests a long poll', (value, seconds) => expect(parse(value)).toBe(seconds));

  it.each([
    undefined,
    '',
    ',',
    'wait',
    'wait=',
    'wait=""',
    'wait=soon',
    'wait=-1',
    'wait=+1',
    'wait=1.5',
    'wait=1e3',
    'wait=0x10',
    "wait='25'",
    'wait="25',
    'wait=25 s',
    'wait=25"',
    'wait 25',
    'wait:25',
    'waiting=25',
    'wait-for=25',
    'await=25',
    'foo; wait=25',
    'foo=wait=25',
    'foo="wait=25"',
    'foo="a, wait=25, b"',
    'foo="a, wait=25',
    'foo="\\", wait=25, "',
    '"wait"=25',
    'wait=٢٥',
  ])('%s requests no long poll', (value) => expect(parse(value)).toBeUndefined());

  it.each<[value: string, seconds: number | undefined]>([
    ['wait=1, wait=2', 1],
    ['wait=1, WAIT=2', 1],
    ['wait=soon, wait=2', undefined],
    ['wait, wait=2', undefined],
  ])('the first of %s applies [§2]', (value, seconds) => expect(parse(value)).toBe(seconds));

  it('the relay parses Prefer in linear time', () => {
    const started = performance.now();
    for (const part of ['"', '"\\', 'a', '\\', ',', 'wait', 'wait=', ' ', '"a,']) parse(part.repeat(16_000));
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe.each(HANDLERS)('Prefer, %s handler', (handler) => {
  const serve = serveInTests();

  it.each<[fields: Field[], applied: string | undefined]>([
    [[['Prefer', 'wait=7']], 'wait=7'],
    [[['pREFER', 'WAIT = "7"; foo']], 'wait=7'],
    [[['Prefer', 'respond-async, wait=7, lenient']], 'wait=7'],
    [[['Prefer', 'wait=99999999999999999999']], 'wait=50'],
    [[['Prefer', 'foo="a, wait=7, b"']], undefined],
    [
      [
        ['Prefer', 'wait=a'],
        ['Mailbox-Known-Version', 'again'],
      ],
      undefined,
    ],
    [
      [
        ['Prefer', 'respond-async'],
        ['Prefer', 'wait=7'],
      ],
      'wait=7',
    ],
    [
      [
        ['Prefer', 'wait=7'],
        ['Prefer', 'wait=8'],
      ],
      'wait=7',
    ],
    [
      [
        ['Prefer', 'wait=7'],
        ['prefer', ''],
      ],
      'wait=7',
    ],
  ])('%j grants %s', async (fields, applied) => {
    const { base } = await serve(handler);
    const { sender, url } = await createBoundPair(base);
    const answer = await sender.read(url, { headers: [...fields, ['Mailbox-Known-Version', 'an old one']] });
    expect([answer.status, answer.headers['preference-applied']]).toEqual([200, applied]);
  });
});
