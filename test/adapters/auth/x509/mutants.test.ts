import { expect, it } from 'vitest';
import { type Issued, usageOf } from '../../../support/attester/certificates.js';
import { extension, integer, oid, sequence, TRUE, tlv } from '../../../support/x509/der.js';
import { type Change, type Kind, NOW, withLeaf, withMiddle, withRoot } from '../../../support/x509/kinds.js';
import { mutate, type Random, randomOf } from '../../../support/x509/mutations.js';
import { opensslVerify } from '../../../support/x509/openssl.js';
import { isAccepted } from '../../../support/x509/verify-chain.js';

/*
 * Certificates that are changed at random and then signed. OpenSSL must accept every certificate that the relay
 * accepts.
 */

const MUTANTS = 300;

/** Optional extensions give the mutations more to change. */
const rich = (ca: boolean): NonNullable<Change['extensions']> => ({
  '551d11': extension('551d11', sequence(tlv(0x81, Buffer.from('a@b.c')), tlv(0x82, Buffer.from('b.c')))),
  '551d20': extension('551d20', sequence(sequence(oid('2a0301')))),
  '551d25': extension('551d25', sequence(oid('551d2500'))),
  '551d1f': extension('551d1f', sequence(sequence(tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from('http://c'))))))),
  ...(ca ? { '551d13': extension('551d13', sequence(TRUE, integer(3)), true) } : {}),
  '551d0f': extension('551d0f', usageOf(ca ? 0x06 : 0x80), true),
});

function mutant(random: Random): Kind {
  const position = random(3);
  const [make = withLeaf] = [withLeaf, withMiddle, withRoot].slice(position);
  const change = { signed: (der: Buffer) => mutate(der, random), extensions: rich(position > 0) };
  // An anchor with another issuer counts as pinned.
  return { name: 'mutant', openssl: '', ...make(change), pinned: position === 2 };
}

it('the validation of chains accepts no mutant that OpenSSL rejects', async () => {
  const mutants = Array.from({ length: MUTANTS }, (_, index) => mutant(randomOf(index * 7919)));
  const accepted = mutants.filter(isAccepted);
  const pems = (certificates: readonly Issued[]): string[] => certificates.map(({ pem }) => pem);
  const said = await opensslVerify(
    accepted.map(({ chain, anchors, pinned = false }) => ({
      chain: pems(chain),
      anchors: pems(anchors),
      now: NOW,
      pinned,
    })),
  );
  expect(new Set(said)).toEqual(new Set(['OK']));
  // Neither so few that nothing was tried, nor so many that nothing was changed.
  expect(accepted.length).toBeGreaterThan(MUTANTS / 50);
  expect(accepted.length).toBeLessThan(MUTANTS / 2);
}, 60_000);
