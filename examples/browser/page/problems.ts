import { type Progress, TransferError } from 'credential-relay/client';

/** Why it does not go on, in words for people. */
export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly text: string;
}

const TEXTS: Readonly<Record<string, readonly [title: string, text: string]>> = {
  taken: ['Opened on another phone', 'A link works on one phone only, and another one was first. Ask for a new link.'],
  tampered: ['This message was changed', 'It was altered on its way, so nothing of it was used. Nobody could read it.'],
  gone: ['This link has ended', 'The key was withdrawn, or its time is over. Ask for a new link.'],
  unreachable: ['No connection', 'The relay does not answer. Nothing is lost.'],
  link: ['This is not a whole link', 'Copy all of it, to the last character.'],
  not_allowed: ['This link leads elsewhere', 'This phone only calls the relay that this page came from.'],
};

/** What to show for an error. */
export function problemOf(error: unknown): Problem {
  const code = error instanceof TransferError ? error.code : error instanceof TypeError ? 'link' : 'unknown';
  const [title, text] = TEXTS[code] ?? ['Something went wrong', 'The relay did not accept this.'];
  return { code, title, text };
}

/** What to say of a progress that is not the other person's doing; `undefined` for nothing. */
export const connectionOf = ({ type }: Progress): string => (type === 'retrying' ? 'No connection. Trying again…' : '');
