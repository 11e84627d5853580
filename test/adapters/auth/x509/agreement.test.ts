import { beforeAll, describe, expect, it } from 'vitest';
import { type Kind, NOW } from '../../../support/x509/kinds.js';
import { encodingKinds } from '../../../support/x509/kinds-encodings.js';
import { extensionKinds } from '../../../support/x509/kinds-extensions.js';
import { keyKinds } from '../../../support/x509/kinds-keys.js';
import { pathKinds } from '../../../support/x509/kinds-paths.js';
import { signatureKinds } from '../../../support/x509/kinds-signatures.js';
import { timeKinds } from '../../../support/x509/kinds-times.js';
import { type OpensslQuestion, opensslVerify, opensslVersion } from '../../../support/x509/openssl.js';
import { STRICTER } from '../../../support/x509/stricter.js';
import { isAccepted } from '../../../support/x509/verify-chain.js';

/*
 * Chains of many kinds, judged by the relay and by `openssl verify -x509_strict -auth_level 2 -policy_check`. The relay
 * accepts no chain that OpenSSL refuses. A list names the chains that only the relay refuses, with a reason for each.
 */

const kinds: readonly Kind[] = [
  ...[...keyKinds, ...signatureKinds, ...timeKinds],
  ...[...extensionKinds, ...encodingKinds, ...pathKinds],
];

const questionOf = ({ chain, anchors, now = NOW, pinned = false }: Kind): OpensslQuestion => {
  return { chain: chain.map(({ pem }) => pem), anchors: anchors.map(({ pem }) => pem), now, pinned };
};

/** The name of a kind without the position of the changed certificate. */
const defectOf = (name: string): string => name.replace(/^(leaf|intermediate|anchor): /, '');

const listed = new Set(STRICTER.flatMap(([, names]) => names));
const isListed = ({ name }: Kind): boolean => listed.has(name) || listed.has(defectOf(name));

let said: ReadonlyMap<Kind, string>;

beforeAll(async () => {
  const answers = await opensslVerify(kinds.map(questionOf));
  said = new Map(kinds.map((kind, index) => [kind, answers[index] ?? '']));
}, 60_000);

describe('the validation of chains agrees with OpenSSL', () => {
  it('with OpenSSL 3', async () => {
    expect(await opensslVersion()).toMatch(/^OpenSSL 3\./);
  });

  it.each(kinds.map((kind) => [kind.name, kind] as const))('about %s', (_, kind) => {
    const openssl = said.get(kind);
    if (kind.openssl === 'OK') expect(openssl).toBe('OK');
    else expect(openssl).toContain(kind.openssl);
    expect(isAccepted(kind)).toBe(kind.openssl === 'OK' && !isListed(kind));
  });

  it('about at least 111 kinds with different names, many of them valid', () => {
    expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length);
    expect(new Set(kinds.map(({ name }) => defectOf(name))).size).toBeGreaterThan(111);
    expect(kinds.filter((kind) => kind.openssl === 'OK' && !isListed(kind)).length).toBeGreaterThan(50);
  });

  it('with a reason only for existing kinds that OpenSSL accepts', () => {
    for (const name of listed) {
      const meant = kinds.filter((kind) => kind.name === name || defectOf(kind.name) === name);
      expect([name, meant.length > 0 && meant.some(({ openssl }) => openssl === 'OK')]).toEqual([name, true]);
    }
  });
});
