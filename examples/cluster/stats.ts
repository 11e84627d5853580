import type { BalancerEvent } from './balancer.js';

/** What a relay process did, by the balancer. */
export interface ProcessStats {
  /** Requests that it has answered. */
  answered: number;
  /** Those among them that were long polls. */
  longPolls: number;
  /** Requests that it did not answer, and that another process took over. */
  lost: number;
  /** Long polls that it holds. */
  held: number;
}

/** Counts what the balancer tells, and what clients see. */
export interface Stats {
  readonly processes: ReadonlyMap<string, ProcessStats>;
  /** Requests of clients. */
  readonly requests: number;
  /** Those that got no answer, or one of failure, in words; the 404 of a mailbox that is gone is none. */
  readonly failures: readonly string[];
  record(told: BalancerEvent): void;
  /** `fetch`, counted. `servedBy` learns the processes that answered. */
  countingFetch(servedBy: Set<string>): typeof fetch;
}

/** Makes an empty tally. */
export function createStats(): Stats {
  const served = new Map<string, ProcessStats>();
  const failures: string[] = [];
  let requests = 0;

  return {
    processes: served,
    failures,
    get requests() {
      return requests;
    },
    record({ type: what, target: { name }, request }) {
      const entry = served.get(name) ?? { answered: 0, longPolls: 0, lost: 0, held: 0 };
      served.set(name, entry);
      const isLongPoll = request.headers.prefer !== undefined;
      if (isLongPoll) entry.held += what === 'asked' ? 1 : -1;
      if (isLongPoll && what === 'answered') entry.longPolls += 1;
      if (what === 'answered') entry.answered += 1;
      if (what === 'lost') entry.lost += 1;
    },
    countingFetch: (servedBy) => async (input, init) => {
      requests += 1;
      try {
        const response = await fetch(input, init);
        const by = response.headers.get('Served-By');
        if (by !== null) servedBy.add(by);
        if (!response.ok && response.status !== 404) failures.push(`${init?.method}: ${response.status} by ${by}`);
        return response;
      } catch (error) {
        failures.push(`${init?.method}: no answer`);
        throw error;
      }
    },
  };
}
