import { it } from 'vitest';
import { keyOfChain, trustAnchorsOf } from '../../adapters/auth/certificate-path.js';
import { type Kind, NOW } from '../support/certificate-kinds.js';
import { encodingKinds } from '../support/certificate-kinds-encodings.js';
import { extensionKinds } from '../support/certificate-kinds-extensions.js';
import { keyKinds } from '../support/certificate-kinds-keys.js';
import { pathKinds } from '../support/certificate-kinds-paths.js';
import { signatureKinds } from '../support/certificate-kinds-signatures.js';
import { timeKinds } from '../support/certificate-kinds-times.js';
import { opensslVerify } from '../support/openssl.js';

const kinds: readonly Kind[] = [
  ...keyKinds,
  ...signatureKinds,
  ...timeKinds,
  ...extensionKinds,
  ...encodingKinds,
  ...pathKinds,
];
function judge({ chain, anchors, now = NOW }: Kind): string {
  try {
    keyOfChain(
      chain.map(({ base64 }) => base64),
      trustAnchorsOf(anchors.map(({ pem }) => pem)),
      now,
    );
    return 'OK';
  } catch (error) {
    return String(error);
  }
}

import { writeFileSync } from 'node:fs';

it('x', async () => {
  let out = '';
  for (const kind of kinds) {
    const o = await opensslVerify({
      chain: kind.chain.map(({ pem }) => pem),
      anchors: kind.anchors.map(({ pem }) => pem),
      now: kind.now ?? NOW,
      pinned: kind.pinned ?? false,
    });
    const j = judge(kind);
    const said = o === 'OK' ? o : (o.match(/error \d.*/)?.[0] ?? o.replace(/\n/g, '; '));
    out += `${(kind.openssl === 'OK' ? o === 'OK' : kind.openssl !== '' && o.includes(kind.openssl)) ? '  ' : '??'} ${(j === 'OK') === (o === 'OK') ? ' ' : j === 'OK' ? '!!!' : '<'} ${kind.name} | ${said} | ${j.replace('PathRefused: The x5c header has a certificate that', 'PR:')}\n`;
  }
  writeFileSync('/tmp/w/x509.out', out);
}, 100000);
