import { RECEIVER, VERSION } from '../protocol/header-names.js';
import type { WireResponse } from './http-request.js';
import { LONGEST_TIMER_MS } from './timing.js';

/** The client cuts longer texts of a response off after so many characters. */
const MAXIMUM_TEXT_CHARACTERS = 4096;

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

/** A text of a response, cut off at the maximum length; empty for a value of another type. */
export function parseText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAXIMUM_TEXT_CHARACTERS) : '';
}

/** A time of a response in the form `YYYY-MM-DDThh:mm:ssZ`; `undefined` for any other value. */
export function parseWireTime(value: unknown): string | undefined {
  const text = parseText(value);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && Date.parse(text) ? text : undefined;
}

/** An https URL of a response; empty for any other value, because no app should load an image without TLS. */
export function parseHttpsUrl(value: unknown): string {
  const text = parseText(value);
  return /^https:\/\/\S{1,4000}$/i.test(text) ? text : '';
}

/** The members of a JSON object; no members if the text is not a JSON object. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
