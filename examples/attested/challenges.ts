import { randomBytes } from 'node:crypto';

/** Challenges that are given out once and taken back once. */
export interface Challenges {
  /** A new one: 43 characters of base64url. */
  issue(): string;
  /** True the first time a challenge comes back, if that is in time. */
  use(challenge: string): boolean;
}

/** What {@link createChallenges} takes. */
export interface ChallengesOptions {
  /** Milliseconds for which a challenge is good. Default 120,000. */
  readonly lifetimeMs?: number | undefined;
  /** Challenges that may be out at once; beyond that the oldest ends early. Default 10,000. */
  readonly limit?: number | undefined;
  /** Unix time in ms. Default: the system clock. */
  readonly clock?: (() => number) | undefined;
}

/** Challenges in the memory of this process. A backend of several processes keeps them in its database. */
export function createChallenges(options: ChallengesOptions = {}): Challenges {
  const { lifetimeMs = 120_000, limit = 10_000, clock = Date.now } = options;
  const goodUntil = new Map<string, number>();
  return {
    issue() {
      const challenge = randomBytes(32).toString('base64url');
      const [oldest] = goodUntil.keys();
      if (goodUntil.size >= limit && oldest !== undefined) goodUntil.delete(oldest);
      goodUntil.set(challenge, clock() + lifetimeMs);
      return challenge;
    },
    use(challenge) {
      const until = goodUntil.get(challenge);
      goodUntil.delete(challenge);
      return until !== undefined && clock() < until;
    },
  };
}
