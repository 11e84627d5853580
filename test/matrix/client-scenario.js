/*
 * The scenario that every runtime runs: `client` is the bundle of credential-relay/client, `relay` the URL of a relay,
 * and `options` are those of the runtime. Returns the lines of a report; throws at the first wrong result.
 */
globalThis.runScenario = async function runScenario(client, relay, options = {}) {
  const lines = [];
  const format = 'test.example/words';
  const display = { title: 'Room 417', description: 'Your key ü€', imageURL: 'https://hotel.example/417.png' };
  const host = relay.replace(/^\w+:\/\/([^/]*).*$/, '$1');
  const words = (text) => ({ format, content: { text } });
  const assert = (condition, what) => {
    if (!condition) throw new Error(what);
    lines.push(what);
  };
  const codeOf = (promise) =>
    promise.then(
      () => 'resolved',
      (error) => error.code || String(error),
    );

  const sender = client.createSender(Object.assign({ relay }, options));
  const receiver = client.createReceiver(Object.assign({ relays: [host] }, options));
  const share = await sender.share(words('één 🔑'), display, { accessRights: 'RWD' });
  const received = receiver.open(share.url);
  assert((await received.preview()).title === display.title, 'preview');
  assert((await received.next()).content.text === 'één 🔑', 'read');
  assert((await codeOf(receiver.open(share.url).next())) === 'already_claimed', 'a third device is refused');
  const next = share.next();
  await received.reply(words('reply'));
  assert((await next).content.text === 'reply', 'a waiting device gets a reply');
  const resumed = await sender.resume(JSON.parse(JSON.stringify(share.state)));
  await received.finish();
  assert((await resumed.next()) === undefined && resumed.state.ended === 'deleted', 'end');

  const started = Date.now();
  const redirecting = client.createSender(Object.assign({ relay: `${relay}/redirects` }, options));
  assert((await codeOf(redirecting.share(words('x'), display))) === 'redirected', 'a redirect is reported');
  if (options.fetch === undefined) {
    const faulty = (input, init) =>
      fetch(input, Object.assign({}, init, { headers: Object.assign({}, init.headers, { Authorization: 'a\nb' }) }));
    const refused = client.createSender(Object.assign({ relay }, options, { fetch: faulty }));
    assert((await codeOf(refused.share(words('x'), display))) === 'not_sent', 'an invalid header is reported');
  }
  const broken = client.createSender(Object.assign({ relay }, options, { fetch: () => undefined.then() }));
  assert((await codeOf(broken.share(words('x'), display))) === 'not_sent', 'a fault in fetch is reported');
  assert(Date.now() - started < 3000, 'these are reported at once');
  return lines;
};
