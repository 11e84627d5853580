import { randomBytes } from 'node:crypto';

/** Each challenge can be used once. */
export interface Challenges {
  /** Returns 43 characters of base64url. */
  issue(): string;
  /** Returns true the first time, if the challenge has not expired. */
  use(challenge: string): boolean;
}

export interface ChallengesOptions {
  /** Default 120,000. */
  readonly lifetimeMs?: number | undefined;
  /** Unused challenges at a time. Beyond it the oldest expires early. Default 10,000. */
  readonly limit?: number | undefined;
  /** Unix time in ms. Default: the system clock. */
  readonly clock?: (() => number) | undefined;
}

/** In memory. A backend of several processes uses its database. */
export function createChallenges(options: ChallengesOptions = {}): Challenges {
  const { lifetimeMs = 120_000, limit = 10_000, clock = Date.now } = options;
  const expirations = new Map<string, number>();
  return {
    issue() {
      const challenge = randomBytes(32).toString('base64url');
      const [oldest] = expirations.keys();
      if (expirations.size >= limit && oldest !== undefined) expirations.delete(oldest);
      expirations.set(challenge, clock() + lifetimeMs);
      return challenge;
    },
    use(challenge) {
      const until = expirations.get(challenge);
      expirations.delete(challenge);
      return until !== undefined && clock() < until;
    },
  };
}
