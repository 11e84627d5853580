import { readFileSync } from 'node:fs';

/** The values of `sslmode`; `no-verify` is of `pg`. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;

export type SslMode = (typeof SSL_MODES)[number];

/** The parameters of a URL that concern TLS. */
export interface TlsParameters {
  readonly ssl?: boolean | SslMode | undefined;
  readonly sslaccept?: 'strict' | 'accept_invalid_certs' | undefined;
  readonly ssl_min_protocol_version?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  readonly sslmode?: SslMode | undefined;
  /** A file, or `system` for the authorities of Node. */
  readonly sslrootcert?: string | undefined;
  readonly sslcert?: string | undefined;
  readonly sslkey?: string | undefined;
  readonly sslpassword?: string | undefined;
  readonly uselibpqcompat?: boolean | undefined;
}

/** Options of `tls.connect` for `pg`. */
export type TlsOptions = Readonly<Record<string, unknown>>;

export interface TlsSettings {
  /** Undefined: `pg` reads PGSSLMODE. */
  readonly ssl: boolean | TlsOptions | undefined;
  /** True: a server without TLS is accepted too, without encryption. */
  readonly isOptional: boolean;
}

/**
 * Decides how to encrypt. `require` checks the certificate, as in `pg` 8, and unlike libpq, which accepts any;
 * `uselibpqcompat=true` selects the meaning of libpq. `allow` and `prefer` check nothing, since an attacker can as well
 * answer that there is no TLS.
 *
 * @throws TypeError that names the parameter, for a file that cannot be read or a contradiction
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export function resolveTls(parameters: TlsParameters): TlsSettings {
  const { sslrootcert, sslcert, sslkey, sslpassword, ssl_min_protocol_version: minVersion } = parameters;
  const hasFiles = [sslrootcert, sslcert, sslkey].some((file) => file !== undefined);
  const mode = getMode(parameters, hasFiles);
  if (mode === undefined) return { ssl: undefined, isOptional: false };
  if (mode === 'disable') return { ssl: false, isOptional: false };
  const ca = sslrootcert === 'system' ? undefined : readFile('sslrootcert', sslrootcert);
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(sslcert === undefined ? {} : { cert: readFile('sslcert', sslcert) }),
    ...(sslkey === undefined ? {} : { key: readFile('sslkey', sslkey) }),
    ...(sslpassword === undefined ? {} : { passphrase: sslpassword }),
    ...(minVersion === undefined ? {} : { minVersion }),
  };
  return { ssl: { ...files, ...getChecks(mode, parameters) }, isOptional: mode === 'allow' || mode === 'prefer' };
}

function getMode({ sslmode, ssl, sslaccept }: TlsParameters, hasFiles: boolean): SslMode | undefined {
  if (sslmode !== undefined && ssl !== undefined && ssl !== sslmode && ssl !== (sslmode !== 'disable')) {
    throw new TypeError('postgresStore: the URL parameters ssl and sslmode contradict each other; keep sslmode');
  }
  const mode = sslmode ?? (typeof ssl === 'string' ? ssl : undefined);
  if (mode !== undefined) return mode === 'require' && sslaccept === 'accept_invalid_certs' ? 'no-verify' : mode;
  if (ssl === false) return 'disable';
  if (sslaccept !== undefined) return sslaccept === 'strict' ? 'verify-full' : 'no-verify';
  return ssl === true || hasFiles ? 'verify-full' : undefined;
}

function getChecks(mode: SslMode, { sslrootcert, uselibpqcompat }: TlsParameters): TlsOptions {
  if (mode === 'no-verify' || mode === 'allow' || mode === 'prefer') return { rejectUnauthorized: false };
  const isLikeLibpq = mode === 'require' && uselibpqcompat === true;
  const hasOwnCa = sslrootcert !== undefined && sslrootcert !== 'system';
  if (isLikeLibpq && !hasOwnCa) return { rejectUnauthorized: false };
  // A public authority signs any name, so verify-ca without an own CA checks the name as well.
  return (isLikeLibpq || mode === 'verify-ca') && hasOwnCa ? { checkServerIdentity: () => undefined } : {};
}

function readFile(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new TypeError(`postgresStore: the URL parameter ${name} names a file that cannot be read (${code})`);
  }
}
