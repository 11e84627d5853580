/** What one request of a step is expected to be: to whom, which one, its status, and why that. */
export type Expected = readonly [whom: string, what: string, status: number, why: string];

/** Something went otherwise than the story says. */
export class TraceFailure extends Error {
  override readonly name = 'TraceFailure';
}

/** Prints a story, one line a request. */
export interface Trace {
  heading(text: string): void;
  note(text: string): void;
  /**
   * Runs one step, whose requests go through the `fetch` that it is given, and prints each. Throws a
   * {@link TraceFailure} unless they are the expected ones, in this order.
   */
  step<Result>(
    who: string,
    expected: readonly Expected[],
    run: (send: typeof fetch) => Promise<Result>,
  ): Promise<Result>;
  /** A step that must end with an error, after the requests that were expected. */
  refusal(who: string, expected: readonly Expected[], run: (send: typeof fetch) => Promise<unknown>): Promise<void>;
}

/** Makes a trace; `names` says who is at an origin. */
export function createTrace(print: (line: string) => void, names: Readonly<Record<string, string>>): Trace {
  let count = 0;

  async function step<Result>(
    who: string,
    expected: readonly Expected[],
    run: (send: typeof fetch) => Promise<Result>,
  ): Promise<Result> {
    let seen = 0;
    // Thrown at the end, as whoever sends takes an error of `fetch` for the network's.
    let failure: TraceFailure | undefined;

    async function send(input: string | URL | Request, init?: RequestInit): Promise<Response> {
      const started = performance.now();
      const response = await fetch(input, init);
      const ms = `${(performance.now() - started).toFixed(1).padStart(6)} ms`;
      const whom = names[new URL(response.url).origin] ?? 'somebody';
      const [expectedWhom, what = '?', status, why = '?'] = expected[seen] ?? [];
      seen += 1;
      count += 1;
      const codes = await readErrorCode(response);
      const route = `${who.padEnd(8)} → ${whom.padEnd(7)}`;
      print(`${String(count).padStart(2)}  ${route} ${what.padEnd(25)} ${response.status} ${ms}  ${why}${codes}`);
      if (whom !== expectedWhom || response.status !== status) {
        failure ??= new TraceFailure(`Request ${count} should have been answered ${status} by ${expectedWhom}.`);
      }
      return response;
    }

    const result = await run(send).catch((error: unknown) => {
      throw failure ?? error;
    });
    if (seen < expected.length) failure ??= new TraceFailure(`After request ${count} there should have been another.`);
    if (failure !== undefined) throw failure;
    return result;
  }

  return {
    heading: (text) => print(`\n${text}\n`),
    note: (text) => print(`    ${text}`),
    step,
    refusal: (who, expected, run) =>
      step(who, expected, async (send) => {
        const outcome = await run(send).then(
          () => 'let in',
          () => 'refused',
        );
        if (outcome === 'let in') throw new TraceFailure('This should have been refused.');
      }),
  };
}

/** The stable code of a refusal, or what its challenge asks for: ` (use_attestation_challenge)`. */
async function readErrorCode(response: Response): Promise<string> {
  if (response.ok) return '';
  const { code, error } = (await response.clone().json()) as Record<string, unknown>;
  const [, asked] = / error="(use_[^"]+)"/.exec(response.headers.get('WWW-Authenticate') ?? '') ?? [];
  return ` (${asked ?? code ?? error ?? 'no code'})`;
}

/** The beginning of a text that is nobody's business as a whole. */
export function shorten(text: string): string {
  return `${text.slice(0, 6)}…`;
}
