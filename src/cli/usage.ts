/** The commands, as `--help` describes them. */
const PARTS: Readonly<Record<string, string>> = {
  demo: `  credential-relay demo
      One transfer of a sample hotel key, step by step, and what the relay refuses.
`,
  serve: `  credential-relay serve [options]
      A relay of its own. The first line on standard output is JSON with its \`url\`, and what it is \`listening\` on;
      events go to standard error.
      --host 127.0.0.1     address to listen on
      --port 8080          port to listen on; 0 picks a free one
      --public-url URL     what share links begin with; by default the address it listens on
      --mount-path PATH    what the paths of requests begin with when they arrive; by default as in --public-url;
                           / behind a proxy that takes the prefix away
      --store URL          where mailboxes are kept: memory: (the default), sqlite:./relay.db, redis://, rediss://,
                           redis+sentinel://, postgres://; or RELAY_STORE. Other users of this machine see the
                           arguments of a command: a URL with a password goes into RELAY_STORE
      --trust-proxy        believe X-Forwarded-Proto: a proxy in front ends TLS and sets it
      RELAY_KEYS           server keys that seal what is stored, separated by commas, the current one first;
                           needed for every store but memory:
`,
  send: `  credential-relay send <file | -> [options]
      Seals a file, leaves it in a mailbox, and prints the link to give to the receiver; \`-\` is standard input.
      --relay URL          the relay to use; or RELAY_URL
      --title TEXT         what people see of the share before it is opened; the relay sees it as well
      --description TEXT   more of that
      --image URL          and a picture, by https
      --vertical h|c|a     home, car, or general access
      --expires 2h         how long the link works: s, m, h or d; by default as long as the relay likes
      --wait               stay, and show when the receiver opens it and has finished
      --qr                 draw the link as a QR code on standard error; the default on a terminal, else --no-qr
      --limit 65536        bytes of the largest body that the relay takes, of up to 4194304
`,
  receive: `  credential-relay receive <url | -> [options]
      Opens a link, writes the file, and deletes the mailbox. If it was interrupted, call it again.
      --out FILE           where to; by default, and with \`-\`, standard output
      --force              replace FILE if it is there
      --allow HOST         only from a relay of this host, such as relay.example or 127.0.0.1:8080; may be repeated;
                           by default from any public host, by https
`,
  wait: `  credential-relay wait <url | ->
      Goes on with what \`send --wait\` shows, of a share that was sent from here.
`,
  cancel: `  credential-relay cancel <url | ->
      Takes back a share that was sent from here.
`,
  keygen: `  credential-relay keygen
      Prints a new server key for RELAY_KEYS.
`,
};

const TRANSFER = `  send, receive, wait and cancel
      --json               lines of JSON on standard output, each with an \`event\`; words go to standard error
      --retry-timeout 2m   how long to try while the relay does not answer
      --state DIR          where shares under way are kept, with their keys; or RELAY_STATE;
                           by default credential-relay in the state folder of the user. It must be this user's own,
                           and no other may write to it
      <url>                has the key in it, and other users of this machine see the arguments of a command:
                           with \`-\` it is read from standard input
`;

const EXIT_CODES = `Exit codes: 0 done; 1 failed; 2 called wrongly; 3 taken by another device, or refused; 4 gone: finished, cancelled or
expired; 5 the relay cannot be reached; 6 what came was changed on its way, or is not what it should be, such as
content that is nested too deep: the mailbox stays as it is; 130 interrupted.
`;

/** What `help` prints, of one command or of all. */
export function usage(command?: string): string {
  const part = command === undefined ? undefined : PARTS[command];
  if (part === undefined) {
    const head = 'credential-relay: a relay for sharing digital credentials between devices\n';
    const tail = '  credential-relay help [command], credential-relay --version\n';
    const { keygen = '', ...others } = PARTS;
    return [head, ...Object.values(others), TRANSFER, keygen, tail, EXIT_CODES].join('\n');
  }
  return part.includes('<') ? [part, TRANSFER, EXIT_CODES].join('\n') : part;
}
