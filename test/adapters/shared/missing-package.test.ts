import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'tsup';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../support/process/built.js';

/** Runs each adapter once. Prints its result as a line of JSON. */
const PROGRAM = `
import { generateKeyPairSync } from 'node:crypto';
import { oauthBearer } from 'ADAPTERS/auth/oauth-bearer/index.js';
import { clientAttestation } from 'ADAPTERS/auth/client-attestation/index.js';
import { apnsNotifier } from 'ADAPTERS/notify/apns/index.js';
import { fcmNotifier } from 'ADAPTERS/notify/fcm/index.js';
import { webPushNotifier } from 'ADAPTERS/notify/web-push/index.js';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const { d, x, y } = ec.privateKey.export({ format: 'jwk' });
const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString('base64url');
const signal = new AbortController().signal;
const input = { header: () => 'Bearer a.b.c', attestation: () => undefined, relay: { clock: Date.now }, signal };
const push = (tokenData) => ({ type: 't', tokenData, expiresAt: 0, signal });
const endpoint = 'https://fcm.googleapis.com/x';
const account = { project_id: 'project', client_email: 'a@b.example', private_key: rsa };
const results = [
  oauthBearer({ issuer: 'https://as.example' })(input),
  clientAttestation({ jwksUri: 'https://as.example/jwks' })(input),
  apnsNotifier({ teamId: 'A1B2C3D4E5', keyId: 'F6G7H8I9J0', privateKey: ec.privateKey, topic: 'a.b' }).notify(push('aa')),
  fcmNotifier({ serviceAccount: account }).notify(push('aa')),
  webPushNotifier({ subject: 'https://a.example', publicKey: point, privateKey: d }).notify(
    push(JSON.stringify({ endpoint, keys: { p256dh: point, auth: Buffer.alloc(16).toString('base64url') } })),
  ),
];
for (const settled of await Promise.allSettled(results)) {
  const { status, details } = settled.reason ?? {};
  console.log(JSON.stringify(settled.value ?? { status, cause: details.cause.code, reason: details.reason }));
}
`;

const message = (user: string, name: string): string =>
  `${user}: the package ${name} is not installed; install it with: npm install ${name}`;

describe('a missing package', () => {
  it('is an outage of a hook and a rejected push, and the process names the command at the start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'missing-'));
    try {
      const source = join(folder, 'program.ts');
      await writeFile(source, PROGRAM.replaceAll('ADAPTERS', join(ROOT, 'adapters')));
      // Outside the project, so that Node finds no optional package.
      await build({
        ...{ entry: [source], outDir: folder, format: 'esm', target: 'node20.19', config: false, silent: true },
        ...{ dts: false, clean: false, outExtension: () => ({ js: '.mjs' }) },
        external: ['jose', 'openid-client', 'web-push'],
        noExternal: [/^zod/],
        esbuildOptions: (options) => {
          options.nodePaths = [join(ROOT, 'node_modules')];
        },
      });
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, 'program.mjs')]);
      const rejected = { outcome: 'rejected', code: 'package_missing' };
      const outage = (user: string, name: string) => ({
        ...{ status: 503, cause: 'package_missing', reason: message(user, name) },
      });
      expect(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual([
        outage('oauthBearer', 'openid-client'),
        outage('clientAttestation', 'jose'),
        rejected,
        rejected,
        rejected,
      ]);
      expect(stderr).toContain(message('oauthBearer', 'openid-client'));
      expect(stderr).toContain(message('webPushNotifier', 'web-push'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
