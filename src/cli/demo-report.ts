import { type MailboxResponse, RelayResponseError } from '../client/index.js';

/** Who acts in a step of the demo. */
export type Actor = 'sender' | 'receiver' | 'messenger' | 'third';

/** A step went otherwise than the protocol says. */
export class DemoFailure extends Error {}

/** Prints the demo, one line a step, and remembers it for the drawing. */
export interface Report {
  heading(text: string): void;
  note(text: string): void;
  /**
   * Runs one step and prints it. Throws a DemoFailure unless the relay answers `status`; a refusal that was expected
   * resolves to `undefined`.
   */
  step<Body, Status extends number>(
    who: Actor,
    endpoint: string,
    what: string,
    status: Status,
    run: () => Promise<MailboxResponse<Body>>,
  ): Promise<Status extends 200 | 201 ? MailboxResponse<Body> : undefined>;
  /** Throws a DemoFailure if what the protocol promises does not hold. */
  expect(holds: boolean, promise: string): void;
  drawing(): void;
}

interface Line {
  readonly who: Actor;
  readonly endpoint: string;
  readonly status: number;
}

/** Columns of the drawing: where each one's life line stands. */
const LANES: Readonly<Record<Actor | 'relay', number>> = {
  sender: 8,
  relay: 40,
  receiver: 72,
  messenger: 72,
  third: 72,
};
const SHORT: Readonly<Record<string, string>> = {
  ReadDisplayInformationFromMailbox: 'Preview',
  ReadSecureContentFromMailbox: 'ReadSecureContent',
};

/** Makes a report that hands its lines to `print`. */
export function createReport(print: (line: string) => void): Report {
  const lines: Line[] = [];

  async function statusOf<Body>(
    run: () => Promise<MailboxResponse<Body>>,
  ): Promise<[number, string, MailboxResponse<Body>?]> {
    try {
      const answer = await run();
      return [answer.status, '', answer];
    } catch (error) {
      if (error instanceof RelayResponseError) return [error.status, error.code ?? ''];
      throw error;
    }
  }

  return {
    heading: (text) => print(`\n${text}\n`),
    note: (text) => print(`    ${text}`),
    async step(who, endpoint, what, expected, run) {
      const started = performance.now();
      const [status, code, answer] = await statusOf(run);
      const ms = (performance.now() - started).toFixed(1).padStart(6);
      lines.push({ who, endpoint, status });
      const number = String(lines.length).padStart(2);
      print(
        `${number}  ${who.padEnd(10)}${endpoint.padEnd(35)}${status} ${ms} ms  ${what}${code === '' ? '' : ` (${code})`}`,
      );
      if (status !== expected) throw new DemoFailure(`Step ${lines.length} should have been answered ${expected}.`);
      return answer as never;
    },
    expect(holds, promise) {
      if (!holds) throw new DemoFailure(`This does not hold: ${promise}.`);
      print(`    ${promise}`);
    },
    drawing() {
      print('');
      for (const line of draw(lines)) print(line);
    },
  };
}

/** The flow as a sequence of arrows to the relay, with the status of each answer. */
function* draw(lines: readonly Line[]): Generator<string> {
  const canvas = (marks: ReadonlyArray<readonly [column: number, text: string]>): string => {
    let row = '';
    for (const [column, text] of [...marks].sort(([left], [right]) => left - right)) row = row.padEnd(column) + text;
    return row;
  };
  const lives = [LANES.sender, LANES.relay, LANES.receiver].map((column) => [column, '|'] as const);
  yield canvas([
    [LANES.sender - 3, 'sender'],
    [LANES.relay - 2, 'relay'],
    [LANES.receiver - 4, 'receiver'],
  ]);
  yield canvas(lives);
  for (const [index, { who, endpoint, status }] of lines.entries()) {
    const label = ` ${index + 1} ${SHORT[endpoint] ?? endpoint} ${status} `;
    const width = LANES.relay - LANES.sender - 1;
    const shaft = (text: string, length: number): string =>
      text.padStart((length + text.length) >> 1, '-').padEnd(length, '-');
    const tail = who === 'messenger' || who === 'third' ? `  ${who}` : '';
    yield who === 'sender'
      ? canvas([
          [LANES.sender, `|${shaft(label, width - 1)}>|`],
          [LANES.receiver, '|'],
        ])
      : canvas([
          [LANES.sender, '|'],
          [LANES.relay, `|<${shaft(label, width - 1)}|${tail}`],
        ]);
  }
  yield canvas(lives);
}
