import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { isLoopbackName } from '../../../src/protocol/loopback.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { CLOCK_TOLERANCE_SECONDS } from '../shared/clock-tolerance.js';
import { DPOP_ALGORITHMS, type DpopPolicy, registerDpopPolicy } from '../shared/dpop.js';
import { fetchWithCa, retryOnClosedConnection } from '../shared/fetch-with-ca.js';
import { getJwkAlgorithms, SIGNATURE_ALGORITHMS } from '../shared/jws.js';
import { isPublicJwk } from '../shared/public-jwk.js';
import { parseTrustAnchors, type TrustAnchors } from '../x509/chain.js';
import { POP_METHODS, type PopMethod } from './draft.js';
import type { Fetch } from './jwks.js';
import type { JwtPolicy } from './jwt.js';
import type { KeySource, ResolveKey } from './keys.js';

/** What {@link clientAttestation} takes. Of the first four, which say whom to trust, exactly one. */
export interface ClientAttestationOptions {
  /** The public keys of the attester, as a JSON Web Key Set. An attestation that names none (`kid`) is tried with each. */
  readonly jwks?: { readonly keys: ReadonlyArray<Readonly<Record<string, unknown>>> } | undefined;
  /** Where the attester publishes its JSON Web Key Set: an https URL, or http on loopback names. */
  readonly jwksUri?: string | URL | undefined;
  /**
   * Certificates of authorities (PEM, one or more a text) to which the `x5c` chain of attestations has to lead. Whoever
   * holds a certificate of theirs that may sign vouches for every app that is accepted (`apps`): use an authority that
   * serves attesters alone, not one that issues certificates for anything else.
   */
  readonly trustAnchors?: string | readonly string[] | undefined;
  /** Finds the attester's key in a way of the host's own. */
  readonly resolveKey?: ResolveKey | undefined;
  /**
   * The apps accepted, by their client identifier (`sub`). Default: every app the attester vouches for. Attesters that
   * must not vouch for each other's apps get a hook each, joined by `anyOf`.
   */
  readonly apps?: readonly string[] | undefined;
  /** What the `aud` of a PoP must be. Default: the relay's resource identifier, its public URL. */
  readonly audience?: string | undefined;
  /**
   * What the `aud` of an attestation must name, if it has one: this, or one of these (RFC 7519 §4.1.3). Set it where the
   * attester makes attestations for an authorization server, and names that. An attestation without `aud` is for every
   * server. Default: `audience`.
   */
  readonly attestationAudience?: string | readonly string[] | undefined;
  /** JWS algorithms of attestations, digital signatures only. Default: ES*, PS*, RS*, EdDSA, Ed25519. */
  readonly algorithms?: readonly string[] | undefined;
  /** JWS algorithms of Client Attestation PoPs, and of DPoP proofs as far as these may use them. Default: as above. */
  readonly popAlgorithms?: readonly string[] | undefined;
  /** How possession may be proven. Default: both, `attestation_pop_jwt` and `dpop_combined`. */
  readonly popMethods?: readonly PopMethod[] | undefined;
  /**
   * Whether a PoP has to carry a challenge of the relay (and a DPoP proof its nonce). `optional`: it may, but one that
   * is there must be fresh. `off`: none is given out or looked at. Default `required`.
   */
  readonly challenge?: 'required' | 'optional' | 'off' | undefined;
  /** Seconds for which a PoP is good after its `iat`. Default 120, at most 600. */
  readonly popMaxAgeSeconds?: number | undefined;
  /** Seconds for which an attestation is good after its `iat`, which it must have then. Default: until its `exp`. */
  readonly attestationMaxAgeSeconds?: number | undefined;
  /** Seconds by which clocks may be off, those of devices too. Default 30, at most 300. */
  readonly clockToleranceSeconds?: number | undefined;
  /**
   * Milliseconds that a fetch of `jwksUri` may take, at most 30,000. Default 2,000. It has to end within the relay's
   * `hookTimeoutMs`, and more than that is of no use here.
   */
  readonly timeoutMs?: number | undefined;
  /** Seconds for which a fetched key set is good. Default 600. */
  readonly jwksMaxAgeSeconds?: number | undefined;
  /**
   * Seconds between two fetches for the sake of unknown keys, beyond a reserve of three. An attestation whose key is
   * unknown meanwhile is neither accepted nor refused: 503. Also the age of a set from which a bad signature has it
   * fetched anew. Default 5.
   */
  readonly jwksCooldownSeconds?: number | undefined;
  /** Seconds for which it is used beyond that while no newer one is to be had. Default 0. */
  readonly jwksStaleIfErrorSeconds?: number | undefined;
  /** Certificate authorities (PEM) that `jwksUri` is trusted by, instead of the usual ones. Not with `fetch`. */
  readonly ca?: string | readonly string[] | undefined;
  /** Fetches `jwksUri`. At most 1 MiB of the answer is read, for at most `timeoutMs`. Default: the global `fetch`. */
  readonly fetch?: Fetch | undefined;
}

/** The options, checked, with every default filled in. */
export interface Settings extends JwtPolicy {
  readonly source: KeySource;
  readonly apps: ReadonlySet<string> | undefined;
  readonly audience: string | undefined;
  /** `undefined`: as `audience`. */
  readonly attestationAudience: readonly string[] | undefined;
  readonly popMethods: readonly PopMethod[];
  /** What DPoP proofs must fulfil; their algorithms are empty if they are not accepted. */
  readonly proofs: DpopPolicy;
  readonly challenge: 'required' | 'optional' | 'off';
}

const text = z.string('must be a text').min(1, 'must not be empty');

const seconds = (most: number) =>
  z.int('must be a whole number').min(0, 'must not be negative').max(most, `must be at most ${most}`);

const DAY_SECONDS = 86_400;

const algorithms = z
  .array(z.enum(SIGNATURE_ALGORITHMS, `must be one of ${SIGNATURE_ALGORITHMS.join(', ')}`), 'must be an array')
  .min(1, 'must not be empty')
  .default([...SIGNATURE_ALGORITHMS]);

const callback = <Callback>() =>
  z.custom<Callback>((value) => typeof value === 'function', 'must be a function').optional();

const url = z
  .custom<string | URL>((value) => (typeof value === 'string' || value instanceof URL) && URL.canParse(String(value)), {
    error: 'must be an absolute URL',
  })
  .transform((value) => new URL(value))
  .refine(
    ({ protocol, hostname }) => protocol === 'https:' || (protocol === 'http:' && isLoopbackName(hostname)),
    'must be an https URL',
  );

/** Whether some algorithm verifies with a key, that which it names if it names one. One for encryption does no harm. */
function canVerify(jwk: { readonly use?: unknown; readonly alg?: unknown }): boolean {
  if (jwk.use !== undefined && jwk.use !== 'sig') return true;
  const fitting = getJwkAlgorithms(jwk);
  return jwk.alg === undefined ? fitting.length > 0 : fitting.some((algorithm) => algorithm === jwk.alg);
}

const keySet = z.object(
  {
    keys: z
      .array(
        z
          .custom<object>(isPublicJwk, { error: 'must be a public key (JWK)', abort: true })
          .refine(canVerify, 'must be a key that can verify signatures'),
        'must be an array',
      )
      .min(1, 'must not be empty'),
  },
  'must be a JSON Web Key Set',
);

const pems = z.union([text.transform((one) => [one]), z.array(text)], 'must be PEM texts');

const anchors = pems.transform((texts, context): TrustAnchors => {
  try {
    return parseTrustAnchors(texts);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'must be PEM texts' });
    return z.NEVER;
  }
});

const KEY_OPTIONS = ['jwks', 'jwksUri', 'trustAnchors', 'resolveKey'] as const;

const schema = z
  .strictObject({
    jwks: keySet.optional(),
    jwksUri: url.optional(),
    trustAnchors: anchors.optional(),
    resolveKey: callback<ResolveKey>(),
    apps: z.array(text, 'must be an array of texts').min(1, 'must not be empty').optional(),
    audience: text.optional(),
    attestationAudience: z
      .union(
        [text.transform((one) => [one]), z.array(text).min(1, 'must not be empty')],
        'must be a text or a list of texts',
      )
      .optional(),
    algorithms,
    popAlgorithms: algorithms,
    popMethods: z
      .array(z.enum(POP_METHODS, `must be one of ${POP_METHODS.join(', ')}`), 'must be an array')
      .min(1, 'must not be empty')
      .default([...POP_METHODS]),
    challenge: z.enum(['required', 'optional', 'off'], "must be 'required', 'optional' or 'off'").default('required'),
    popMaxAgeSeconds: seconds(600).min(1, 'must be at least 1').default(120),
    attestationMaxAgeSeconds: seconds(Number.MAX_SAFE_INTEGER / 1000)
      .min(1, 'must be at least 1')
      .optional(),
    clockToleranceSeconds: seconds(300).default(CLOCK_TOLERANCE_SECONDS),
    timeoutMs: z
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(30_000, 'must be at most 30000')
      .default(2000),
    jwksMaxAgeSeconds: seconds(DAY_SECONDS).min(1, 'must be at least 1').default(600),
    jwksCooldownSeconds: seconds(3600).min(1, 'must be at least 1').default(5),
    jwksStaleIfErrorSeconds: seconds(7 * DAY_SECONDS).default(0),
    ca: pems.optional(),
    fetch: callback<Fetch>(),
  })
  .refine((options) => KEY_OPTIONS.filter((way) => options[way] !== undefined).length === 1, {
    error: `takes exactly one of ${KEY_OPTIONS.join(', ')}`,
  })
  .refine(({ ca, fetch }) => ca === undefined || fetch === undefined, {
    path: ['ca'],
    error: 'is for the fetch of this package; give your own fetch its authorities yourself',
  });

/** Checks the options. Throws a TypeError that begins with the path of the one at fault, and holds no key. */
export function resolveOptions(options: ClientAttestationOptions): Settings {
  const settings = parseOptions('clientAttestation', schema, options);
  const dpopAlgorithms = DPOP_ALGORITHMS.filter((algorithm) => settings.popAlgorithms.includes(algorithm));
  const { popMethods } = settings;
  return {
    ...settings,
    attestationMaxAgeSeconds: settings.attestationMaxAgeSeconds,
    source: resolveSource(settings),
    apps: settings.apps === undefined ? undefined : new Set(settings.apps),
    audience: settings.audience,
    attestationAudience: settings.attestationAudience,
    proofs: registerDpopPolicy({
      algorithms: popMethods.includes('dpop_combined') ? dpopAlgorithms : [],
      maxAgeSeconds: settings.popMaxAgeSeconds,
      clockToleranceSeconds: settings.clockToleranceSeconds,
    }),
  };
}

function resolveSource(settings: z.output<typeof schema>): KeySource {
  const { jwks, jwksUri, trustAnchors, resolveKey, ca } = settings;
  if (jwks !== undefined) return { way: 'jwks', jwks: jwks as JSONWebKeySet };
  if (trustAnchors !== undefined) return { way: 'trustAnchors', anchors: trustAnchors };
  if (resolveKey !== undefined) return { way: 'resolveKey', resolveKey };
  return {
    way: 'jwksUri',
    remote: {
      url: String(jwksUri),
      fetch: retryOnClosedConnection(settings.fetch ?? createFetch(ca)),
      timeoutMs: settings.timeoutMs,
      refreshTimeoutMs: settings.timeoutMs,
      maxAgeMs: settings.jwksMaxAgeSeconds * 1000,
      cooldownMs: settings.jwksCooldownSeconds * 1000,
      staleMs: settings.jwksStaleIfErrorSeconds * 1000,
    },
  };
}

function createFetch(ca: readonly string[] | undefined): Fetch {
  // The global one as it is at the time of the call.
  if (ca === undefined) return (address, init) => fetch(address, init);
  const trusting = fetchWithCa(ca);
  return (address, init) => trusting(address, { ...init, body: undefined });
}
