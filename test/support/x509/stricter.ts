/* Chains that OpenSSL accepts and the relay refuses: the reason, and the names of the kinds. */
export const STRICTER: ReadonlyArray<readonly [reason: string, kinds: readonly string[]]> = [
  [
    'RFC 7518 §3.3 demands 2048 bits of every RSA key. OpenSSL counts 112 bits of security for one bit less.',
    ['RSA 2047'],
  ],
  [
    'Attestations can be signed with keys of RSA, P-256, P-384, P-521 and Ed25519 alone; authorities get no others.',
    [
      ...['RSA 2048 for RSASSA-PSS alone', 'P-224', 'secp256k1', 'brainpoolP256r1', 'Ed448', 'DSA 2048'],
      ...['signed by DSA 2048', 'signed by Ed448'],
    ],
  ],
  ['RFC 3279 §2.3.1 demands NULL as the parameters of an RSA key.', ['RSA without NULL']],
  [
    'A compressed point costs a root; whoever wants to cost the relay time would send one.',
    ['P-256 with a compressed point'],
  ],
  [
    'Of the signature algorithms only those with the hashes of JWS are of use: SHA-256, SHA-384 and SHA-512.',
    ['RSA, SHA-224', 'RSA, SHA3-256', 'leaf: ECDSA, SHA-224', 'intermediate: ECDSA, SHA-224'],
  ],
  [
    'RFC 4055 §5 has NULL as the parameters of RSA signatures, RFC 5758 §3.2 none as those of ECDSA.',
    [
      'RSA, SHA-256 without NULL',
      ...['leaf: ECDSA with NULL as its parameters', 'intermediate: ECDSA with NULL as its parameters'],
    ],
  ],
  [
    'An attester is not an authority: a key that issues certificates signs no attestations.',
    [
      ...['leaf: cA', 'leaf: cA, keyCertSign', 'leaf: a path length of nine bytes'],
      ...['the anchor as the leaf', 'the anchor as the leaf, which may sign', 'the anchor is the leaf'],
      'an intermediate certificate as the leaf',
    ],
  ],
  [
    'RFC 5280 §4.2.1.3: the key of an attester is to sign. OpenSSL is not told what it is for.',
    ['leaf: keyUsage for encryption alone'],
  ],
  [
    'RFC 5280 §4.2.1.12: a certificate with purposes is for these alone, and no purpose is that of an attester.',
    [
      ...['extKeyUsage of another purpose', 'extKeyUsage of another purpose, critical', 'extKeyUsage of none'],
      'Netscape certificate type',
    ],
  ],
  [
    'Constraints are not processed, so that a certificate that has one is refused, whether it is critical or not.',
    ['nameConstraints, permitted', 'nameConstraints, excluded', 'nameConstraints, no common name']
      .concat(['policyConstraints, requireExplicitPolicy', 'policyConstraints, inhibitPolicyMapping'])
      .concat(['inhibitAnyPolicy', 'policyMappings', 'addresses (RFC 3779)'])
      .flatMap((name) => [`${name}, critical`, `${name}, not critical`]),
  ],
  [
    'Policies are not processed: those that must be, and what is no plain list of them, are refused at any place.',
    ['certificatePolicies, critical', 'certificatePolicies with a notice', 'certificatePolicies of none']
      .concat(
        [
          'certificatePolicies twice the same',
          'certificatePolicies that are NULL',
          'certificatePolicies that are sets',
        ].map((name) => `anchor: ${name}`),
      )
      .concat('anchor: certificatePolicies with an address that is none'),
  ],
  ['RFC 5280 §4.2: an extension is there once.', ['an unknown extension twice']],
  ['RFC 5280 §4.1.2.9 and §4.1: extensions need version 3, and there is no other.', ['leaf: version 1', 'version 4']],
  [
    'RFC 5280 §4.1.2.2: a serial number is positive, and has at most 20 bytes.',
    ['serial number 0', 'serial number that is negative', 'serial number of 21 bytes'],
  ],
  ['RFC 5280 §4.1.2.8: authorities do not give unique identifiers.', ['issuerUniqueID', 'subjectUniqueID']],
  [
    'RFC 5280 §4.1: certificates are DER, of which OpenSSL takes some that is BER, and does not look behind the end.',
    [
      ...['cA that is 1, as BER has it', 'leaf: cA false, written', 'critical that is false, written'],
      ...['basicConstraints followed by a byte', 'a byte after it', 'a certificate after it'],
      ...['keyUsage with zero bits at its end', 'keyUsage with unused bits that are set'],
      ...['length in more bytes than it needs', 'signed part: length in more bytes'],
      ...['length that is not there (BER)', 'signed part: length that is not there (BER)'],
      'a set that is not in order',
    ],
  ],
  [
    'Node would read the text instead of the bytes around it, so that what is checked is not what is used.',
    ['text of another certificate inside'],
  ],
  [
    'A stranger sends these bytes: 4,096 for a certificate, and six certificates.',
    ['4,000 bytes in an extension', 'seven certificates'],
  ],
  [
    'RFC 7515 §4.1.6: each certificate is followed by that of its issuer. OpenSSL looks for it anywhere.',
    [
      ...['an intermediate certificate twice', 'the leaf twice', 'the leaf at the end', 'a stranger in between'],
      ...['the anchor before the intermediate certificate', 'a stranger at the end'],
    ],
  ],
  [
    'RFC 5280 §6.1.4 does not count certificates that are issued by their own name. Attesters have none.',
    ['path length 0, one below of its own name'],
  ],
];
