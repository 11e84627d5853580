/** Keys, values and deadlines that are unique on the backend. */
import { randomBytes, randomUUID } from 'node:crypto';

const LIFE_MS = 600_000;

/** A key that was never used; the suite may share its backend. */
export const newKey = (): string => `suite:${randomUUID()}`;

/** 96 random bits as base64url, as the relay draws them. */
export const newRevision = (): string => randomBytes(12).toString('base64url');

/** A value as the relay's: a new revision, then the rest. */
export const newValue = (rest = 'rest'): string => `${newRevision()}.${rest}`;

/** A deadline that no test reaches, even if the backend's clock is a minute off. */
export const farDeadline = (): number => Date.now() + LIFE_MS;

/** As many numbers as asked for, from 0. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
