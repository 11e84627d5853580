/** One line of a conversation, as a phone shows it. */
export interface Line {
  readonly by: 'me' | 'other';
  readonly text: string;
}

/** A conversation, as one phone keeps it. */
export interface Talk {
  /** The latest of both sides. */
  readonly lines: readonly Line[];
  /** Lines that this phone's person has written, in all. */
  readonly said: number;
  /** Lines of the other side that have come or were left out, in all. */
  readonly heard: number;
}

/** What one side has written, as far as it goes into a message: the latest lines. */
export interface Latest {
  /** How many lines there were before these. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** Before anything was written. */
export const SILENCE: Talk = { lines: [], said: 0, heard: 0 };

/** Characters of one line. */
export const LONGEST_LINE = 280;
/** Lines that a phone keeps and shows. */
export const MOST_LINES = 200;
/** Bytes of JSON that the lines of one message may take. Sealed twice, in base64, they stay below a relay's 65,536. */
const MOST_BYTES = 30_000;

/** A conversation with a line more of this phone's person. */
export function withMine({ lines, said, heard }: Talk, text: string): Talk {
  return { lines: kept([...lines, { by: 'me', text }]), said: said + 1, heard };
}

/** A conversation with what is new of the other side. */
export function withTheirs(talk: Talk, { first, lines }: Latest): Talk {
  const news = lines.slice(Math.max(0, talk.heard - first)).map((text) => ({ by: 'other', text }) as const);
  return { ...talk, lines: kept([...talk.lines, ...news]), heard: Math.max(talk.heard, first + lines.length) };
}

/** What this phone's person wrote last, as many lines as fit into a message. */
export function latestOf({ lines, said }: Talk): Latest {
  const mine = lines.filter(({ by }) => by === 'me').map(({ text }) => text);
  let bytes = 0;
  let at = mine.length;
  for (; at > 0; at -= 1) {
    bytes += new TextEncoder().encode(JSON.stringify(mine[at - 1])).length + 1;
    if (bytes > MOST_BYTES) break;
  }
  const latest = mine.slice(at);
  return { first: said - latest.length, lines: latest };
}

const kept = (lines: readonly Line[]): readonly Line[] => lines.slice(-MOST_LINES);
