import { type MailboxResponse, RelayResponseError } from '../client/index.js';

/** The caller of a request in the demo. */
export type Actor = 'sender' | 'receiver' | 'messenger' | 'third';

/** A step had another result than the protocol requires. */
export class DemoFailure extends Error {}

interface Step {
  readonly actor: Actor;
  readonly endpoint: string;
  readonly status: number;
}

/** Columns of the lifelines in the diagram. */
const [SENDER, RELAY, RECEIVER] = [8, 40, 72] as const;

const SHORT_NAMES: Readonly<Record<string, string>> = {
  ReadDisplayInformationFromMailbox: 'Preview',
  ReadSecureContentFromMailbox: 'ReadSecureContent',
};

/** Prints one line per step, and a sequence diagram of all steps. */
export class DemoReport {
  readonly #print: (line: string) => void;
  readonly #steps: Step[] = [];

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  heading(text: string): void {
    this.#print(`\n${text}\n`);
  }

  note(text: string): void {
    this.#print(`    ${text}`);
  }

  /** Runs and prints a step. Resolves to `undefined` for an expected refusal. Throws a DemoFailure. */
  async step<Body, Status extends number>(
    actor: Actor,
    endpoint: string,
    description: string,
    expected: Status,
    run: () => Promise<MailboxResponse<Body>>,
  ): Promise<Status extends 200 | 201 ? MailboxResponse<Body> : undefined> {
    const started = performance.now();
    const result = await run().catch((error: unknown) => {
      if (!(error instanceof RelayResponseError)) throw error;
      return error;
    });
    const { status } = result;
    const ms = (performance.now() - started).toFixed(1).padStart(6);
    const code = result instanceof RelayResponseError && result.code !== undefined ? ` (${result.code})` : '';
    this.#steps.push({ actor, endpoint, status });
    const number = String(this.#steps.length).padStart(2);
    this.#print(`${number}  ${actor.padEnd(10)}${endpoint.padEnd(35)}${status} ${ms} ms  ${description}${code}`);
    if (status !== expected) throw new DemoFailure(`Step ${this.#steps.length}: the status is not ${expected}.`);
    return (result instanceof RelayResponseError ? undefined : result) as never;
  }

  /** Prints a property of the protocol. Throws a DemoFailure if the property is false. */
  assert(isTrue: boolean, property: string): void {
    if (!isTrue) throw new DemoFailure(`This is false: ${property}.`);
    this.note(property);
  }

  /** Prints an arrow to or from the relay per step. */
  diagram(): void {
    const lifelines = placeTexts([SENDER, '|'], [RELAY, '|'], [RECEIVER, '|']);
    this.#print('');
    this.#print(placeTexts([SENDER - 3, 'sender'], [RELAY - 2, 'relay'], [RECEIVER - 4, 'receiver']));
    this.#print(lifelines);
    for (const [index, step] of this.#steps.entries()) this.#print(formatArrow(index + 1, step));
    this.#print(lifelines);
  }
}

function formatArrow(number: number, { actor, endpoint, status }: Step): string {
  const label = ` ${number} ${SHORT_NAMES[endpoint] ?? endpoint} ${status} `;
  const length = RELAY - SENDER - 2;
  const shaft = label.padStart((length + label.length) >> 1, '-').padEnd(length, '-');
  if (actor === 'sender') return placeTexts([SENDER, `|${shaft}>|`], [RECEIVER, '|']);
  return placeTexts([SENDER, '|'], [RELAY, `|<${shaft}|${actor === 'receiver' ? '' : `  ${actor}`}`]);
}

/** A line with texts at columns in ascending order. */
function placeTexts(...texts: ReadonlyArray<readonly [column: number, text: string]>): string {
  return texts.reduce((line, [column, text]) => line.padEnd(column) + text, '');
}
