import {
  attestationHeaders,
  type Credentials,
  createShareKey,
  findAuthorizationServer,
  getAttestation,
  getToken,
  type Phone,
  tokenHeaders,
} from './device-credentials.js';

export type { Credentials, Phone } from './device-credentials.js';

/** The configuration of an installed app. The relay names the authorization server. */
export interface DeviceOptions {
  readonly clientId: string;
  /** The URL of the app's backend. */
  readonly backend: string;
  readonly phone: Phone;
  readonly send: typeof fetch;
}

/** The device's side of one share. */
export interface Share {
  /** A `fetch` for the mailbox client. On 401 it gets the required credentials and repeats the request. */
  readonly fetch: typeof fetch;
  /** The credentials that the relay has required so far. */
  credentials(): Credentials | undefined;
  /** The newest challenge of the relay. */
  challenge(): string | undefined;
}

/** Without credentials, with credentials, with the relay's signed challenge. */
const ATTEMPTS = 3;

/** `relay` is the URL of the mount. Uses no data of other shares. */
export function beginShare(relay: string, device: DeviceOptions): Share {
  let credentials: Credentials | undefined;
  let challenge: string | undefined;

  async function obtain(challenges: string): Promise<Credentials> {
    const { clientId, backend, phone, send } = device;
    const server = await findAuthorizationServer(relay, challenges, send);
    const key = await createShareKey();
    const attestation = await getAttestation(backend, clientId, key, phone, send);
    const token = await getToken(server, clientId, relay, key, attestation, send);
    return { key, attestation, token };
  }

  // A proof is valid once, so each request, also a repeated one, has new proofs.
  async function proofs(method: string, url: string): Promise<Record<string, string>> {
    if (credentials === undefined) return {};
    const [token, attestation] = [
      tokenHeaders(credentials, method, url),
      attestationHeaders(credentials, relay, challenge),
    ];
    return { ...(await token), ...(await attestation) };
  }

  async function send(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const [method, url] = [init.method ?? 'GET', String(input)];
    for (let attempt = 1; ; attempt += 1) {
      const headers = new Headers(init.headers);
      for (const [name, value] of Object.entries(await proofs(method, url))) headers.set(name, value);
      const response = await device.send(url, { ...init, headers });
      challenge = response.headers.get('OAuth-Client-Attestation-Challenge') ?? challenge;
      const challenges = response.headers.get('WWW-Authenticate') ?? '';
      const canRetry = credentials === undefined || challenges.includes('use_attestation_challenge');
      if (response.status !== 401 || !canRetry || attempt === ATTEMPTS) return response;
      await response.body?.cancel();
      credentials ??= await obtain(challenges);
    }
  }

  return { fetch: send, credentials: () => credentials, challenge: () => challenge };
}
