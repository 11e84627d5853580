/* A relay in JavaScript for engines without a network: one process, no checks. The runtimes with a network use a real one. */
globalThis.createFakeFetch = function createFakeFetch(relay) {
  const mailboxes = new Map();
  let count = 0;
  const respond = (status, body, headers) => {
    const all = Object.assign({ 'content-type': 'application/json' }, headers);
    return {
      status,
      headers: { get: (name) => (all[name.toLowerCase()] === undefined ? null : all[name.toLowerCase()]) },
      text: () => Promise.resolve(typeof body === 'string' ? body : JSON.stringify(body)),
    };
  };
  return async function fakeFetch(url, { method, headers, body }) {
    const echo = { 'mailbox-request-id': headers['Mailbox-Request-ID'] };
    const claim = headers['Mailbox-Device-Claim'];
    if (url.indexOf('/redirects/') > 0) return respond(308, '', { location: `${url}/` });
    if (url === `${relay}/v1/m`) {
      count += 1;
      const urlLink = `${relay}/v1/m/00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
      const content = JSON.parse(body);
      const expiration = new Date(Date.now() + 3600000).toISOString().replace(/\.\d+/, '');
      mailboxes.set(urlLink, { sender: claim, content, expiration, version: 1, held: [] });
      return respond(
        200,
        { urlLink, isPushNotificationSupported: false },
        Object.assign({ 'mailbox-version': '1' }, echo),
      );
    }
    const mailbox = mailboxes.get(url);
    if (mailbox === undefined) return respond(404, { code: 'mailbox_not_found' }, echo);
    if (method === 'GET')
      return respond(200, `<meta property="og:title" content="${mailbox.content.displayInformation.title}">`, echo);
    if (mailbox.receiver === undefined && claim !== mailbox.sender) mailbox.receiver = claim;
    if (claim !== mailbox.sender && claim !== mailbox.receiver)
      return respond(401, { code: 'mailbox_taken', title: 'Taken' }, echo);
    const change = () => {
      mailbox.version += 1;
      for (const resolve of mailbox.held.splice(0)) resolve();
    };
    if (
      method === 'POST' &&
      headers.Prefer !== undefined &&
      headers['Mailbox-Known-Version'] === String(mailbox.version)
    )
      await new Promise((resolve) => mailbox.held.push(resolve));
    if (method === 'PUT') {
      mailbox.content.payload = JSON.parse(body).payload;
      change();
    }
    if (method === 'DELETE') {
      mailboxes.delete(url);
      change();
    }
    if (method !== 'DELETE' && !mailboxes.has(url)) return respond(404, { code: 'mailbox_not_found' }, echo);
    const version = { 'mailbox-version': String(mailbox.version) };
    const { payload, displayInformation } = mailbox.content;
    const read = { payload, displayInformation, expiration: mailbox.expiration };
    return respond(200, method === 'POST' ? read : {}, Object.assign(version, echo));
  };
};
