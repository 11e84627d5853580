import { allOf, createRelay } from 'credential-relay';
import { clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import express, { type Express } from 'express';

export interface AppOptions {
  /** The URL of the relay for devices. It ends in the path of the mount. */
  readonly publicUrl: string;
  /** The URL of the authorization server. */
  readonly issuer: string;
  /** The URL of the attester's public keys. */
  readonly attesterJwksUri: string;
}

/** An Express app with a relay. A create needs an attestation of the app and an access token. */
export function createApp({ publicUrl, issuer, attesterJwksUri }: AppOptions): Express {
  const app = express();

  const relay = createRelay({
    publicUrl,
    // Both guard the create. A receiver needs neither.
    authenticate: allOf(
      oauthBearer({ issuer, dpop: 'required', scopes: { create: ['relay.create'] } }),
      clientAttestation({ jwksUri: attesterJwksUri }),
    ),
  });
  app.use('/relay', relay.node()); // before body parsers
  app.use(relay.wellKnown().node()); // at the root: tells clients which authorization server to ask (RFC 9728)

  app.get('/', (_request, response) => {
    response.send('The front desk.');
  });
  return app;
}
