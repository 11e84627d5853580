import {
  createReceiver,
  createSender,
  type Message,
  type Progress,
  type Receiver,
  type ReceiverOptions,
  type SenderOptions,
  type TransferOptions,
} from 'credential-relay/client';

/** The display information of the shares of tests. */
export const DISPLAY = { title: 'Room 417', description: 'Your key', imageURL: 'https://hotel.example/417.png' };

/** Short pauses, so that tests of retries take no time. */
export const HASTY = { retryDelayMs: 5, pollMs: 20, retryTimeoutMs: 8000, timeoutMs: 3000 } as const;

/** A message of a test. */
export const words = (text: string) => ({ format: 'test.example/words', content: { text } });

/** The text of a message of {@link words}. */
export const readText = (message: Message | undefined): unknown => message?.content.text;

/** A sender with short pauses. */
export function hastySender(relay: string, options: Partial<SenderOptions> = {}) {
  return createSender({ relay, ...HASTY, ...options });
}

/** A receiver with short pauses. Without `relays`, it may also call the relays of tests, which are on this machine. */
export function hastyReceiver(options: ReceiverOptions = {}): Receiver {
  const named = createReceiver({ ...HASTY, ...options });
  if (options.relays !== undefined) return named;
  const of = (url: string): Receiver => {
    const { hostname, host } = new URL(url);
    return ['127.0.0.1', 'localhost'].includes(hostname)
      ? createReceiver({ ...HASTY, ...options, relays: [host] })
      : named;
  };
  return {
    open: (url, openOptions) => (URL.canParse(url) ? of(url) : named).open(url, openOptions),
    resume: (state, resumeOptions) => of(state.mailboxUrl ?? '').resume(state, resumeOptions),
  };
}

/** Records the progress reports of a transfer. `until` resolves at the first report of a type. */
export function watched(): Pick<TransferOptions, 'onProgress'> & {
  readonly types: Progress['type'][];
  until(type: Progress['type']): Promise<void>;
} {
  const types: Progress['type'][] = [];
  const waiting: { type: Progress['type']; resolve: () => void }[] = [];
  const options = {
    onProgress({ type }: Progress) {
      types.push(type);
      for (const entry of waiting) if (entry.type === type) entry.resolve();
    },
  };
  const until = (type: Progress['type']): Promise<void> =>
    types.includes(type) ? Promise.resolve() : new Promise((resolve) => waiting.push({ type, resolve }));
  // Not enumerable, because the clients refuse unknown options.
  const hidden = { types: { value: types }, until: { value: until } };
  return Object.defineProperties(options, hidden) as unknown as ReturnType<typeof watched>;
}
