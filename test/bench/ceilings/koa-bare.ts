import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import Koa from 'koa';
import type { Model, ModelAnswer } from '../sample.js';
import { BARE_TOMBSTONE, createBareStore } from './bare.js';

/** The work of C0 as a Koa application would do it, with the usual router and body parser. */
export function koaBareListener(model: Model): RequestListener {
  const store = createBareStore();
  const create = answerer(model.create);
  const preview = answerer(model.preview);
  const read = answerer(model.read);
  const remove = answerer(model.remove);

  const router = new Router();
  router.post('/v1/m', async (context) => {
    const created = randomUUID();
    await store.set(created, context.request.body);
    create(context, model.create.body.replace(model.identifier, created));
  });
  router.get('/v1/m/:identifier', async (context) => {
    if ((await store.get(context.params.identifier ?? '')) !== undefined) preview(context);
  });
  router.post('/v1/m/:identifier', async (context) => {
    const identifier = context.params.identifier ?? '';
    const found = await store.get(identifier);
    if (found === undefined) return;
    await store.set(identifier, found);
    read(context);
  });
  router.delete('/v1/m/:identifier', async (context) => {
    const identifier = context.params.identifier ?? '';
    if ((await store.get(identifier)) === undefined) return;
    await store.set(identifier, BARE_TOMBSTONE);
    remove(context);
  });
  return new Koa().use(bodyParser()).use(router.routes()).callback();
}

/** Sends a fixed answer through `ctx`, where a host's other middleware can see it. */
function answerer({ headers, body: fixed }: ModelAnswer): (context: Koa.Context, body?: string) => void {
  const fields: Record<string, string> = {};
  for (let at = 0; at < headers.length; at += 2) fields[headers[at] ?? ''] = headers[at + 1] ?? '';
  const typed = 'Content-Type' in fields;
  return (context, body = fixed) => {
    context.set(fields);
    context.body = body;
    if (!typed) context.remove('Content-Type'); // Koa guesses one.
  };
}
