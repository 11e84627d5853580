const COMMANDS: Readonly<Record<string, string>> = {
  demo: `  credential-relay demo
      Runs one transfer of a sample hotel key step by step, and then requests that the relay refuses.
`,
  serve: `  credential-relay serve [options]
      Runs a standalone relay until SIGTERM or SIGINT. The first line on standard output is JSON with \`url\` and
      \`listening\`. The relay writes events to standard error, one line of JSON per event.
      --host ADDRESS       address to listen on (default: 127.0.0.1)
      --port PORT          port to listen on; 0 picks a free port (default: 8080)
      --public-url URL     base URL of share links (default: the address of --host and --port)
      --mount-path PATH    path prefix of requests; / if a proxy removes the prefix (default: path of --public-url)
      --store URL          memory:, sqlite:./relay.db, redis://, rediss://, redis+sentinel:// or postgres://
                           (default: RELAY_STORE, or memory:)
      --trust-proxy        trust the X-Forwarded-Proto header of a proxy that terminates TLS (default: no)
      RELAY_STORE          store URL; a URL with a password goes into RELAY_STORE, because other users of this machine
                           can see arguments
      RELAY_KEYS           server keys that encrypt stored mailboxes, separated by commas, the current key first;
                           required for every store except memory:
`,
  send: `  credential-relay send <file | -> [options]
      Encrypts a file, stores it in a mailbox, and prints the link for the receiver. \`-\` reads standard input.
      --relay URL          URL of the relay (default: RELAY_URL)
      --title TEXT         title in the preview; the relay can read it (default: A file for you)
      --description TEXT   description in the preview (default: Sent with credential-relay)
      --image URL          https URL of the image in the preview (default: a URL that never resolves)
      --vertical h|c|a     h for home, c for car, a for general access (default: not set)
      --expires DURATION   lifetime of the link, such as 90s, 15m, 2h or 3d (default: set by the relay)
      --separate           print the link, and below it the Secret, so that they can travel by two channels
                           (default: no)
      --wait               wait until the receiver has finished (default: no)
      --qr, --no-qr        draw the link as a QR code on standard error (default: yes on a terminal)
      --limit BYTES        largest request body that the relay accepts, up to 4194304 (default: 65536)
`,
  receive: `  credential-relay receive <url | -> [options]
      Opens a link, writes the file, and deletes the mailbox. After an interruption, run the command again.
      --out FILE           regular file to create; \`-\` is standard output (default: -)
      --force              replace an existing FILE (default: no)
      --secret-file FILE   file with the Secret of a link that has none; \`-\` is standard input
      RELAY_SECRET         the same as a variable. Without either, a terminal asks for the Secret and does not show it;
                           \`receive -\` reads the Secret below the link
      --allow HOST         host of the relay, such as relay.example or 127.0.0.1:8080; can be repeated
                           (default: any public host, https only)
`,
  wait: `  credential-relay wait <url | ->
      Waits until the receiver of a share from this device has finished, as \`send --wait\` does.
`,
  cancel: `  credential-relay cancel <url | ->
      Cancels a share from this device.
`,
  keygen: `  credential-relay keygen
      Prints a new server key for RELAY_KEYS.
`,
};

const TRANSFER_OPTIONS = `  send, receive, wait and cancel
      --json               write events to standard output, one line of JSON per event (default: no)
      --retry-timeout DURATION
                           time to retry while the relay does not answer (default: 2m)
      --state DIR          folder for shares in progress and their keys; it must belong to this user, and no other user
                           may write to it (default: RELAY_STATE, or credential-relay in the state folder of the user,
                           who then needs a home)
      <url>                the link. It contains the key, and other users of this machine can see arguments:
                           \`-\` reads the link from standard input
`;

const EXIT_CODES = `Exit codes:
  0    success
  1    failure
  2    usage error
  3    refused, or opened by another device
  4    gone: finished, cancelled or expired
  5    relay unreachable
  6    invalid message, for example changed on its way or nested too deep; the mailbox stays
  130  interrupted
`;

/** The help of one command, or of all commands. */
export function usage(command?: string): string {
  const part = command === undefined ? undefined : COMMANDS[command];
  if (part === undefined) {
    const head = 'credential-relay: a relay for sharing digital credentials between devices\n';
    const tail = '  credential-relay help [command], credential-relay --version\n';
    const { keygen = '', ...others } = COMMANDS;
    return [head, ...Object.values(others), TRANSFER_OPTIONS, keygen, tail, EXIT_CODES].join('\n');
  }
  return part.includes('<') ? [part, TRANSFER_OPTIONS, EXIT_CODES].join('\n') : part;
}
