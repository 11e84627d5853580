import { allOf, createRelay } from 'credential-relay';
import { clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import express, { type Express } from 'express';

/** What {@link createApp} takes. */
export interface AppOptions {
  /** Where devices reach the relay; ends in the path of the mount. */
  readonly publicUrl: string;
  /** The authorization server. */
  readonly issuer: string;
  /** Where the attester publishes its keys. */
  readonly attesterJwksUri: string;
}

/** An Express app with a relay in it that only an attested app with an access token may leave mailboxes at. */
export function createApp({ publicUrl, issuer, attesterJwksUri }: AppOptions): Express {
  const app = express();

  const relay = createRelay({
    publicUrl,
    // Both guard the create. Whoever opens a link needs neither: the receiver may be a stranger to all of this.
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
