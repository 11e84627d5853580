import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { httpsUrl } from '../../shared/https-url.js';
import { DPOP_ALGORITHMS, type DpopPolicy, registerDpopPolicy } from '../shared/dpop.js';
import { retryOnClosedConnection, selectFetch } from '../shared/https-fetch.js';
import { getJwkAlgorithms, SIGNATURE_ALGORITHMS } from '../shared/jws.js';
import {
  algorithms,
  callback,
  findFetchConflicts,
  keySetOptions,
  oneOf,
  requestOptions,
  text,
  texts,
  wholeNumber,
} from '../shared/option-schemas.js';
import { isPublicJwk } from '../shared/public-jwk.js';
import { parseTrustAnchors, type TrustAnchors } from '../x509/chain.js';
import { POP_METHODS, type PopMethod } from './draft.js';
import type { Fetch } from './jwks.js';
import type { JwtPolicy } from './jwt.js';
import type { KeySource, ResolveKey } from './keys.js';
import type { ClientAttestationOptions } from './options.js';

/** Checked options with defaults. */
export interface Settings extends JwtPolicy {
  readonly source: KeySource;
  readonly apps: ReadonlySet<string> | undefined;
  readonly audience: string | undefined;
  /** `undefined`: the same as `audience`. */
  readonly attestationAudience: readonly string[] | undefined;
  readonly popMethods: readonly PopMethod[];
  /** The policy for DPoP proofs. Its list of algorithms is empty if the hook accepts no DPoP proofs. */
  readonly proofs: DpopPolicy;
  readonly challenge: 'required' | 'optional' | 'off';
}

/**
 * Keys with another `use`, such as encryption, are ignored. A key must verify the algorithm in its `alg`, if present.
 */
function canVerify(jwk: { readonly use?: unknown; readonly alg?: unknown }): boolean {
  if (jwk.use !== undefined && jwk.use !== 'sig') return true;
  const usable = getJwkAlgorithms(jwk);
  return jwk.alg === undefined ? usable.length > 0 : usable.some((algorithm) => algorithm === jwk.alg);
}

const keySet = z.object(
  {
    keys: z
      .array(
        z
          .custom<object>(isPublicJwk, { error: 'must be a public key (JWK)', abort: true })
          .refine(canVerify, 'must be a key that can verify signatures'),
      )
      .min(1, 'must not be empty'),
  },
  'must be a JSON Web Key Set',
);

const anchors = texts.transform((pems, context): TrustAnchors => {
  try {
    return parseTrustAnchors(pems);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'must be PEM certificates' });
    return z.NEVER;
  }
});

/** A longer age is in milliseconds by mistake. */
const YEAR_SECONDS = 366 * 86_400;

const KEY_OPTIONS = ['jwks', 'jwksUri', 'trustAnchors', 'resolveKey'] as const;

const schema = z
  .strictObject({
    jwks: keySet.optional(),
    jwksUri: httpsUrl.optional(),
    trustAnchors: anchors.optional(),
    resolveKey: callback<ResolveKey>(),
    apps: z.array(text).min(1, 'must not be empty').optional(),
    audience: text.optional(),
    attestationAudience: texts.refine((list) => list.length > 0, 'must not be empty').optional(),
    algorithms: algorithms(SIGNATURE_ALGORITHMS),
    popAlgorithms: algorithms(SIGNATURE_ALGORITHMS),
    popMethods: z
      .array(oneOf(POP_METHODS))
      .min(1, 'must not be empty')
      .default([...POP_METHODS]),
    challenge: oneOf(['required', 'optional', 'off']).default('required'),
    popMaxAgeSeconds: wholeNumber(1, 600).default(120),
    attestationMaxAgeSeconds: wholeNumber(1, YEAR_SECONDS).optional(),
    ...requestOptions,
    ...keySetOptions,
    fetch: callback<Fetch>(),
  } satisfies Record<keyof ClientAttestationOptions, z.ZodType>)
  .refine((options) => KEY_OPTIONS.filter((option) => options[option] !== undefined).length === 1, {
    error: `requires exactly one of ${KEY_OPTIONS.join(', ')}`,
  })
  .superRefine((options, context) => {
    for (const [option, message] of findFetchConflicts(options)) {
      context.addIssue({ code: 'custom', path: [option], message });
    }
    if (options.jwksUri !== undefined) return;
    for (const option of ['ca', 'agent', 'proxy', 'fetch'] as const) {
      if (options[option] !== undefined) {
        context.addIssue({ code: 'custom', path: [option], message: 'has no effect without jwksUri' });
      }
    }
  });

/** Throws a TypeError whose message begins with the path of the wrong option. The message holds no key. */
export function resolveOptions(options: ClientAttestationOptions): Settings {
  const settings = parseOptions('clientAttestation', schema, options);
  const dpopAlgorithms = DPOP_ALGORITHMS.filter((algorithm) => settings.popAlgorithms.includes(algorithm));
  return {
    ...settings,
    attestationMaxAgeSeconds: settings.attestationMaxAgeSeconds,
    source: resolveSource(settings),
    apps: settings.apps === undefined ? undefined : new Set(settings.apps),
    audience: settings.audience,
    attestationAudience: settings.attestationAudience,
    proofs: registerDpopPolicy({
      algorithms: settings.popMethods.includes('dpop_combined') ? dpopAlgorithms : [],
      maxAgeSeconds: settings.popMaxAgeSeconds,
      clockToleranceSeconds: settings.clockToleranceSeconds,
    }),
  };
}

function resolveSource(settings: z.output<typeof schema>): KeySource {
  const { jwks, jwksUri, trustAnchors, resolveKey } = settings;
  if (jwks !== undefined) return { kind: 'jwks', jwks: jwks as JSONWebKeySet };
  if (trustAnchors !== undefined) return { kind: 'trustAnchors', anchors: trustAnchors };
  if (resolveKey !== undefined) return { kind: 'resolveKey', resolveKey };
  return {
    kind: 'jwksUri',
    remote: {
      url: String(jwksUri),
      fetch: retryOnClosedConnection(resolveFetch(settings)),
      timeoutMs: settings.timeoutMs,
      refreshTimeoutMs: settings.timeoutMs,
      maxAgeMs: settings.jwksMaxAgeSeconds * 1000,
      cooldownMs: settings.jwksCooldownSeconds * 1000,
      staleMs: settings.jwksStaleIfErrorSeconds * 1000,
    },
  };
}

function resolveFetch({ fetch: custom, ...options }: z.output<typeof schema>): Fetch {
  if (custom !== undefined) return custom;
  const own = selectFetch('clientAttestation', options);
  return (address, init) => own(address, { ...init, body: undefined });
}
