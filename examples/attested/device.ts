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

/** What an app knows when it is installed: not the authorization server, which the relay names. */
export interface DeviceOptions {
  readonly clientId: string;
  /** URL of the app's backend. */
  readonly backend: string;
  readonly phone: Phone;
  /** Makes the requests. */
  readonly send: typeof fetch;
}

/** The device's side of one share. */
export interface Share {
  /** A `fetch` for the mailbox client: it gets what a 401 asks for, and repeats the request with that. */
  readonly fetch: typeof fetch;
  /** What the share has been found to need so far. */
  credentials(): Credentials | undefined;
  /** The newest challenge of the relay. */
  challenge(): string | undefined;
}

/** Requests that one call makes at most: bare, with credentials, with the relay's challenge signed. */
const ATTEMPTS = 3;

/** Begins a share at a relay, whose URL is that of the mount. Nothing of another share is used for it. */
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

  // Proofs are made for each request anew, a repeated one included: they count once.
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
      const isNew = credentials === undefined || challenges.includes('use_attestation_challenge');
      if (response.status !== 401 || !isNew || attempt === ATTEMPTS) return response;
      await response.body?.cancel();
      credentials ??= await obtain(challenges);
    }
  }

  return { fetch: send, credentials: () => credentials, challenge: () => challenge };
}
