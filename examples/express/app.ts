import { createRelay, type Relay } from 'credential-relay';
import express, { type Express } from 'express';

/** An Express app with a relay. `publicUrl` is its URL for devices, and ends in the path of the mount. */
export function createApp(publicUrl: string): { readonly app: Express; readonly relay: Relay } {
  const app = express();

  const relay = createRelay({ publicUrl });
  app.use('/relay', relay.node()); // before body parsers

  app.use(express.json());
  app.get('/', (_request, response) => {
    response.send('The front desk.');
  });
  return { app, relay };
}
