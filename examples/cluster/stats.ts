import type { BalancerEvent } from './balancer.js';

/** The work of one relay process, as the balancer counts it. */
export interface ProcessStats {
  answered: number;
  /** Answered long polls. */
  longPolls: number;
  /** Requests without an answer, which another process took over. */
  lost: number;
  /** Held long polls. */
  held: number;
}

/** Counts the events of the balancer, and the results of the clients. */
export interface Stats {
  readonly processes: ReadonlyMap<string, ProcessStats>;
  readonly requests: number;
  /** Client requests without an answer, or with an error other than the 404 of a deleted mailbox. */
  readonly failures: readonly string[];
  record(event: BalancerEvent): void;
  /** `fetch` with counting. Adds the names of the processes to `servedBy`. */
  countingFetch(servedBy: Set<string>): typeof fetch;
}

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
    record({ type, target: { name }, request }) {
      const entry = served.get(name) ?? { answered: 0, longPolls: 0, lost: 0, held: 0 };
      served.set(name, entry);
      const isLongPoll = request.headers.prefer !== undefined;
      if (isLongPoll) entry.held += type === 'asked' ? 1 : -1;
      if (isLongPoll && type === 'answered') entry.longPolls += 1;
      if (type === 'answered') entry.answered += 1;
      if (type === 'lost') entry.lost += 1;
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
