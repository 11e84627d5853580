/** The expected result of one request of a step. */
export type Expected = readonly [server: string, request: string, status: number, reason: string];

/** A request had another result than the scenario expects. */
export class TraceFailure extends Error {
  override readonly name = 'TraceFailure';
}

/** Prints one line per request. */
export interface Trace {
  heading(text: string): void;
  note(text: string): void;
  /**
   * Runs one step and prints each request that it makes with `send`. Throws a {@link TraceFailure} for requests other
   * than the expected ones, in this order.
   */
  step<Result>(
    client: string,
    expected: readonly Expected[],
    run: (send: typeof fetch) => Promise<Result>,
  ): Promise<Result>;
  /** A step that must fail, after the expected requests. */
  refusal(client: string, expected: readonly Expected[], run: (send: typeof fetch) => Promise<unknown>): Promise<void>;
}

/** `names` has the server names by origin. */
export function createTrace(print: (line: string) => void, names: Readonly<Record<string, string>>): Trace {
  let count = 0;

  async function step<Result>(
    client: string,
    expected: readonly Expected[],
    run: (send: typeof fetch) => Promise<Result>,
  ): Promise<Result> {
    let seen = 0;
    // Thrown at the end: the step would handle an error of `send` as a network error.
    let failure: TraceFailure | undefined;

    async function send(input: string | URL | Request, init?: RequestInit): Promise<Response> {
      const started = performance.now();
      const response = await fetch(input, init);
      const ms = `${(performance.now() - started).toFixed(1).padStart(6)} ms`;
      const server = names[new URL(response.url).origin] ?? 'unknown';
      const [expectedServer, name = '?', status, reason = '?'] = expected[seen] ?? [];
      seen += 1;
      count += 1;
      const codes = await readErrorCode(response);
      const route = `${client.padEnd(8)} → ${server.padEnd(7)}`;
      print(`${String(count).padStart(2)}  ${route} ${name.padEnd(25)} ${response.status} ${ms}  ${reason}${codes}`);
      if (server !== expectedServer || response.status !== status) {
        failure ??= new TraceFailure(`Request ${count} should have been answered ${status} by ${expectedServer}.`);
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
    refusal: (client, expected, run) =>
      step(client, expected, async (send) => {
        const outcome = await run(send).then(
          () => 'accepted',
          () => 'refused',
        );
        if (outcome === 'accepted') throw new TraceFailure('This should have been refused.');
      }),
  };
}

/** The stable code of an error, or the request of its challenge: ` (use_attestation_challenge)`. */
async function readErrorCode(response: Response): Promise<string> {
  if (response.ok) return '';
  const { code, error } = (await response.clone().json()) as Record<string, unknown>;
  const [, asked] = / error="(use_[^"]+)"/.exec(response.headers.get('WWW-Authenticate') ?? '') ?? [];
  return ` (${asked ?? code ?? error ?? 'no code'})`;
}

/** The start of a secret text. */
export function shorten(text: string): string {
  return `${text.slice(0, 6)}…`;
}
