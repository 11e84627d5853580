import { randomUUID } from 'node:crypto';
import express, { type Express } from 'express';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import { createChallenges } from './challenges.js';
import { toBoundText, type VerifyEvidence } from './evidence.js';

export interface AttesterOptions {
  /** Verifies the evidence of each app, by client identifier. */
  readonly apps: Readonly<Record<string, VerifyEvidence>>;
}

/** Long enough for one share. */
const LIFETIME_SECONDS = 300;

const request = z.object({
  client_id: z.string(),
  challenge: z.string(),
  jwk: z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
  evidence: z.string(),
});

/**
 * The part of an app's backend that attests the app: the Client Attester of OAuth Attestation-Based Client
 * Authentication. It issues challenges, verifies the platform's evidence, and signs a short-lived Client Attestation
 * for the key of an app instance. The attestation has no data of the device.
 */
export async function createAttester({ apps }: AttesterOptions): Promise<Express> {
  const challenges = createChallenges();
  const { privateKey, publicKey } = await generateKeyPair('ES256'); // In production: a stored key.
  const kid = randomUUID();
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] };

  const app = express();
  app.disable('x-powered-by');

  app.get('/jwks', (_request, response) => {
    response.json(jwks);
  });

  app.post('/challenge', (_request, response) => {
    response.set('Cache-Control', 'no-store').json({ challenge: challenges.issue() });
  });

  app.post('/attestation', express.json({ limit: '32kb' }), async ({ body }, response) => {
    const { success, data } = request.safeParse(body);
    const verify = success && Object.hasOwn(apps, data.client_id) ? apps[data.client_id] : undefined;
    if (!success || verify === undefined || !(await isPublicKey(data.jwk))) {
      response.status(400).json({ error: 'invalid_request' });
      return;
    }
    const { client_id, challenge, jwk, evidence } = data;
    const boundText = toBoundText(challenge, await calculateJwkThumbprint(jwk));
    const verdict = challenges.use(challenge) ? await verify(evidence, boundText).catch(() => 'unknown') : false;
    if (verdict !== true) {
      const [status, error] = verdict === false ? [403, 'evidence_refused'] : [503, 'temporarily_unavailable'];
      response.status(Number(status)).json({ error });
      return;
    }
    // Only app, key and time (draft-ietf-oauth-attestation-based-client-auth §4, §11.1).
    const attestation = await new SignJWT({ cnf: { jwk } })
      .setProtectedHeader({ typ: 'oauth-client-attestation+jwt', alg: 'ES256', kid })
      .setSubject(client_id)
      .setIssuedAt()
      .setExpirationTime(`${LIFETIME_SECONDS}s`)
      .sign(privateKey);
    response.set('Cache-Control', 'no-store').json({ attestation });
  });
  return app;
}

async function isPublicKey(jwk: z.output<typeof request>['jwk']): Promise<boolean> {
  try {
    await importJWK(jwk, 'ES256');
    return true;
  } catch {
    return false;
  }
}
