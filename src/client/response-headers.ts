import { RECEIVER, VERSION } from '../protocol/header-names.js';
import type { WireResponse } from './http-message.js';
import { parseText } from './json-values.js';
import { LONGEST_TIMER_MS } from './timing.js';

/** Mailbox-Receiver: the relay tells the sender whether a receiver is bound. */
export function parseReceiver(reply: WireResponse): 'none' | 'bound' | undefined {
  const receiver = reply.header(RECEIVER);
  return receiver === 'none' || receiver === 'bound' ? receiver : undefined;
}

/** Mailbox-Version of a response. The client cuts off a version that is too long, so that it never matches. */
export function parseVersion(reply: WireResponse): string | undefined {
  return parseText(reply.header(VERSION)) || undefined;
}

/** Milliseconds of `Retry-After`: seconds or a date (RFC 9110 §10.2.3); 0 if the header is absent or invalid. */
export function parseRetryAfter(reply: WireResponse): number {
  const value = reply.header('Retry-After') ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - getServerTime(reply);
  return Math.min(LONGEST_TIMER_MS, Math.max(0, ms) || 0);
}

/** The relay's time of a response, as Unix time in ms; this device's time if the response has no valid `Date`. */
export function getServerTime(reply: WireResponse): number {
  return parseDate(reply) ?? Date.now();
}

/** The `Date` of a response, as Unix time in ms; `undefined` outside the years 2001 to 2128. */
export function parseDate(reply: WireResponse): number | undefined {
  const time = Date.parse(reply.header('Date') ?? '');
  return time > 1e12 && time < 5e12 ? time : undefined;
}
