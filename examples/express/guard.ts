import type { Request, RequestHandler } from 'express';

/** Lets only the callers that the app knows create mailboxes; whoever has a link may use one. Mount it with the relay. */
export function guardCreate(isKnown: (request: Request) => boolean): RequestHandler {
  return (request, response, next) => {
    // By the end of the path: the relay finds its own path whether a prefix is still there or not.
    const creates = request.method === 'POST' && request.path.endsWith('/v1/m');
    if (!creates || isKnown(request)) next();
    else response.status(401).set('WWW-Authenticate', 'Bearer realm="example"').end();
  };
}
