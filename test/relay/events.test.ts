import { describe, expect, it } from 'vitest';
import { createEvents, describeCause, type RelayEvent } from '../../src/relay/events.js';

describe('events', () => {
  it('reach the listeners of their type and onEvent, frozen, until the listener is removed', () => {
    const all: RelayEvent[] = [];
    const heard: string[] = [];
    const events = createEvents((event) => all.push(event));
    const off = events.on('mailbox.created', ({ mailbox }) => heard.push(mailbox));
    events.emit('mailbox.created', { mailbox: 'one' });
    events.emit('mailbox.deleted', { mailbox: 'two' });
    off();
    events.emit('mailbox.created', { mailbox: 'three' });
    expect(heard).toEqual(['one']);
    expect(all.map(({ type }) => type)).toEqual(['mailbox.created', 'mailbox.deleted', 'mailbox.created']);
    expect(Object.isFrozen(all[0])).toBe(true);
  });

  it('know whether a type has listeners', () => {
    const events = createEvents();
    expect(events.hasListeners('mailbox.created')).toBe(false);
    const off = events.on('mailbox.created', () => {});
    expect(events.hasListeners('mailbox.created')).toBe(true);
    off();
    expect(events.hasListeners('mailbox.created')).toBe(false);
    expect(createEvents(() => {}).hasListeners('mailbox.created')).toBe(true);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('secret');
      },
    ],
  ])(
    'reach the other listeners if one %s, and listener.failed does not contain its message',
    async (_how, listener) => {
      const all: RelayEvent[] = [];
      const heard: string[] = [];
      const events = createEvents((event) => void all.push(event));
      events.on('mailbox.created', listener);
      events.on('mailbox.created', ({ mailbox }) => void heard.push(mailbox));
      events.emit('mailbox.created', { mailbox: 'one' });
      await new Promise((resolve) => setImmediate(resolve));
      expect(heard).toEqual(['one']);
      expect(all).toContainEqual({ type: 'listener.failed', of: 'mailbox.created' });
      expect(JSON.stringify(all)).not.toContain('secret');
    },
  );

  it('cause no endless loop if a listener of listener.failed fails', () => {
    const events = createEvents(() => {
      throw new Error('always');
    });
    expect(() => events.emit('mailbox.created', { mailbox: 'one' })).not.toThrow();
  });

  it('describe a cause by its code or class, never by its message', () => {
    expect(describeCause(Object.assign(new Error('redis://:secret@host'), { code: 'ECONNREFUSED' }))).toBe(
      'ECONNREFUSED',
    );
    expect(describeCause(Object.assign(new Error('x'), { code: 'not a word: secret' }))).toBe('Error');
    expect(describeCause(new TypeError('secret'))).toBe('TypeError');
    expect(describeCause('secret')).toBe('string');
    expect(describeCause(Object.create(null))).toBe('Object');
  });
});
