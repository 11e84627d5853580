import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { boundMailbox, closeAfterEach, relayOn } from '../../../support/redis/relay.js';
import { type RedisServer, startRedis, withRedis } from '../../../support/redis/server.js';
import { createBody, device, sharedMailbox } from '../../../support/relay/relay.js';

const { closed } = closeAfterEach();
const big = { type: 'AEAD_AES_128_GCM', data: 'x'.repeat(40_000) };

withRedis(it, () => {
  describe('Redis with maxmemory and noeviction', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
    });
    afterAll(() => server?.close());

    /** Leaves less memory than one more mailbox needs. */
    async function fill(): Promise<void> {
      await server.command('CONFIG', 'SET', 'maxmemory', '1mb');
    }
    const empty = (): Promise<unknown> => server.command('CONFIG', 'SET', 'maxmemory', '0');

    it('the relay refuses larger values with store_full, reads and deletes, and recovers once Redis has memory', async () => {
      const { relay } = relayOn(closed(redisStore(server.url)));
      const events: object[] = [];
      relay.on('store.full', (event) => events.push(event));
      relay.on('store.failed', (event) => events.push(event));
      const { sender, receiver, url } = await boundMailbox(relay);
      const doomed = await sharedMailbox(relay);
      await fill();

      for (const answer of [await device(relay).create(), await sender.update(url, big)]) {
        expect(answer).toMatchObject({ status: 503, json: { code: 'store_full' } });
        expect(answer.headers.get('Retry-After')).toBe('30');
      }
      expect((await receiver.read(url)).status).toBe(200);
      expect((await doomed.sender.delete(doomed.url)).status).toBe(200);
      expect((await doomed.sender.read(doomed.url)).status).toBe(404);
      // Once per minute, not once per refusal.
      expect(events).toEqual([{ type: 'store.full', refused: 1, cause: 'OOM' }]);

      await empty();
      expect((await device(relay).create(createBody({ payload: big }))).status).toBe(200);
      expect((await sender.update(url, big)).status).toBe(200);
    });

    it('the Redis store notifies another process of a deletion in a full Redis', async () => {
      const [one, two] = [closed(redisStore(server.url)), closed(redisStore(server.url))];
      const [first, last] = ['a'.repeat(16), 'b'.repeat(16)];
      await one.create('relay:full', `${first}.rest`, Date.now() + 60_000);
      const told = new Promise<string>((resolve) => {
        let listening = false;
        two.changes?.subscribe({
          changed: (key) => resolve(key),
          resync: async () => {
            if (listening) return;
            listening = true;
            await fill();
            await one.replace('relay:full', first, `${last}.`);
          },
        });
      });
      expect(await told).toBe('relay:full');
      expect(await one.revision?.('relay:full')).toBe(last);
      // Longer than the stored value, or with another revision.
      const longer = one.replace('relay:full', last, `${first}.${'x'.repeat(200)}`);
      await expect(longer).rejects.toMatchObject({ code: 'store_full', cause: { code: 'OOM' } });
      await empty();
      expect((await one.get('relay:full'))?.value).toBe(`${last}.`);
    });
  });
});
