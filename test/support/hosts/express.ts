import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import type { Relay } from 'credential-relay';
import express5, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { type Build, lookalikes, SAYS, type Site, statusOf } from './site.js';

/** Express 4 is installed under another name, without types. The used part is as in Express 5. */
export const express4 = createRequire(import.meta.url)('express4') as typeof express5;

type Mounting = (app: Express, relay: Relay, site: Site) => void;

/** `app.use(prefix, …)` strips the prefix from the path. */
export const mountByExpress: Mounting = (app, relay, { prefix }) => {
  if (prefix === '') app.use(relay.node());
  else app.use(prefix, relay.node());
};

/** At the root of the app, Express passes the whole path. */
export const mountAtRoot: Mounting = (app, relay) => {
  app.use(relay.node());
};

export const buildExpress4 = (mounting: Mounting): Build => build(express4, mounting);

export const buildExpress5 = (mounting: Mounting): Build => build(express5, mounting);

function build(express: typeof express5, mounting: Mounting): Build {
  return (relay, site) => {
    const app = express();
    if (site.trustsProxy) app.set('trust proxy', true);
    app.use(watch(site));
    if (site.body === 'parsed') app.use(express.json());
    if (site.body === 'swallowed') app.use(swallow);
    app.get('/before', (_request, response) => void response.send(SAYS.before));
    mounting(app, relay, site);
    app.get('/after', (_request, response) => void response.send(SAYS.after));
    app.get([...lookalikes(site.prefix)], (_request, response) => void response.send(SAYS.lookalike));
    app.post('/echo', echo(site));
    app.get('/fails', () => {
      throw new Error('secret of the host');
    });
    app.use((_request, response) => void response.status(404).send(SAYS.missing));
    app.use(onError);
    return app;
  };
}

function watch(site: Site): RequestHandler {
  return (_request, response, next) => {
    const header = (name: string): string => String(response.getHeader(name) ?? '');
    response.on('finish', () => {
      const { statusCode: status } = response;
      site.saw({ status, type: header('Content-Type'), requestId: header('Mailbox-Request-ID') });
    });
    next();
  };
}

const swallow: RequestHandler = (request, _response, next) => {
  text(request).then(() => next(), next);
};

function echo({ body }: Site): RequestHandler {
  return (request, response, next) => {
    if (body === 'parsed') response.json(request.body);
    else text(request).then((sent) => response.json(JSON.parse(sent)), next);
  };
}

const onError: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(statusOf(error)).send(SAYS.failed);
};
