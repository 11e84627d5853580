/**
 * What each authentication hook costs when warm: CPU of a create through `relay.fetch` with the hook, less that of the
 * same create without one, in one process, rounds in turn. `npm run bench -- hooks`. Proofs are signed before the clock runs.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { allOf, createRelay, deviceAttestation } from 'credential-relay';
import { clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

const PUBLIC_URL = 'http://localhost/relay';
const CREATE_URL = `${PUBLIC_URL}/v1/m`;
const ROUNDS = 7;
const REQUESTS = 500;

const keys = {
  server: await generateKeyPair('ES256'),
  attester: await generateKeyPair('ES256'),
  device: await generateKeyPair('ES256'),
};
const jwkOf = async ({ publicKey }) => ({ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'one' });
const deviceJwk = await exportJWK(keys.device.publicKey);
const now = () => Math.floor(Date.now() / 1000);

const server = createServer(async (request, response) => {
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  const answers = {
    '/.well-known/openid-configuration': {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      introspection_endpoint: `${issuer}/introspect`,
    },
    '/jwks': { keys: [await jwkOf(keys.server)] },
    '/introspect': { active: true, iss: issuer, aud: PUBLIC_URL, client_id: 'wallet', exp: now() + 3600, scope: '' },
  };
  request.resume();
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answers[request.url]));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const sign = (payload, typ, key, header = {}) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ, ...header }).sign(key.privateKey);

const accessToken = (cnf) =>
  sign(
    {
      iss: issuer,
      aud: PUBLIC_URL,
      sub: 'wallet',
      client_id: 'wallet',
      jti: randomUUID(),
      iat: now(),
      exp: now() + 3600,
      ...cnf,
    },
    'at+jwt',
    keys.server,
    { kid: 'one' },
  );
const plainToken = await accessToken({});
const boundToken = await accessToken({ cnf: { jkt: await calculateJwkThumbprint(deviceJwk) } });
const attestation = await sign(
  { sub: 'wallet', exp: now() + 3600, cnf: { jwk: deviceJwk } },
  'oauth-client-attestation+jwt',
  keys.attester,
  { kid: 'one' },
);

const dpopHeaders = async () => ({
  Authorization: `DPoP ${boundToken}`,
  DPoP: await sign(
    {
      jti: randomUUID(),
      htm: 'POST',
      htu: CREATE_URL,
      iat: now(),
      ath: createHash('sha256').update(boundToken).digest('base64url'),
    },
    'dpop+jwt',
    keys.device,
    { jwk: deviceJwk },
  ),
});
const attestationHeaders = async () => ({
  'OAuth-Client-Attestation': attestation,
  'OAuth-Client-Attestation-PoP': await sign(
    { aud: PUBLIC_URL, jti: randomUUID(), iat: now() },
    'oauth-client-attestation-pop+jwt',
    keys.device,
  ),
});

const bearer = oauthBearer({ issuer, tokens: 'jwt' });
const attested = clientAttestation({ jwks: { keys: [await jwkOf(keys.attester)] }, challenge: 'off' });

/** The hooks, and what a request has to bring for each. */
const CASES = {
  'no hook': [undefined, async () => ({})],
  'own session': [() => ({ app: 'web', via: ['session'] }), async () => ({})],
  deviceAttestation: [
    deviceAttestation({ verify: async () => ({ app: 'wallet' }) }),
    async () => ({ 'Mailbox-Device-Attestation': attestation }),
  ],
  'oauthBearer, JWT': [bearer, async () => ({ Authorization: `Bearer ${plainToken}` })],
  'oauthBearer, opaque, remembered': [
    oauthBearer({ issuer, tokens: 'opaque', clientId: 'relay', clientSecret: 'secret' }),
    async () => ({ Authorization: 'Bearer opaque-token' }),
  ],
  'oauthBearer, DPoP': [bearer, dpopHeaders],
  'clientAttestation, PoP': [attested, attestationHeaders],
  'allOf(DPoP, clientAttestation)': [
    allOf(bearer, attested),
    async () => ({ ...(await dpopHeaders()), ...(await attestationHeaders()) }),
  ],
};

const body = JSON.stringify({
  payload: { type: 'AEAD_AES_128_GCM', data: Buffer.alloc(240).toString('base64') },
  displayInformation: { title: 'Room 417', description: 'Your key', imageURL: 'https://hotel.example/417.png' },
});

async function requestsFor(headersOf) {
  const requests = [];
  for (let count = 0; count < REQUESTS; count += 1) {
    const headers = {
      'Content-Type': 'application/json',
      'Mailbox-Device-Claim': randomUUID(),
      'Mailbox-Request-ID': randomUUID(),
      ...(await headersOf()),
    };
    requests.push(new Request(CREATE_URL, { method: 'POST', headers, body }));
  }
  return requests;
}

/** CPU of one create, in µs. */
async function measure(relay, requests) {
  const before = process.cpuUsage();
  for (const request of requests) {
    const { status } = await relay.fetch(request);
    if (status !== 200) throw new Error(`A create was answered ${status}.`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests.length;
}

const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];

const relays = Object.fromEntries(
  Object.entries(CASES).map(([name, [authenticate]]) => [name, createRelay({ publicUrl: PUBLIC_URL, authenticate })]),
);
const results = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]));
for (let round = -2; round < ROUNDS; round += 1) {
  for (const [name, [, headersOf]] of Object.entries(CASES)) {
    const cpu = await measure(relays[name], await requestsFor(headersOf));
    if (round >= 0) results[name].push(cpu); // The first rounds warm up.
  }
}
server.closeAllConnections();
server.close();

const open = median(results['no hook']);
console.log(`Node ${process.versions.node}; median of ${ROUNDS} rounds of ${REQUESTS} creates; µs CPU a create\n`);
console.log(`${'hook'.padEnd(34)}${'create'.padStart(9)}${'the hook'.padStart(10)}${'share'.padStart(8)}`);
for (const [name, cpu] of Object.entries(results)) {
  const whole = median(cpu);
  const hook = Math.max(0, whole - open);
  console.log(
    `${name.padEnd(34)}${whole.toFixed(0).padStart(9)}${hook.toFixed(0).padStart(10)}${`${((100 * hook) / whole).toFixed(0)} %`.padStart(8)}`,
  );
}
await Promise.all(Object.values(relays).map((relay) => relay.close()));
