import { TransferError, type TransferErrorCode } from 'credential-relay/client';

/** An error as the phone shows it. */
export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly text: string;
}

/** An error of this page, before it sends a request. */
export class PageError extends Error {
  override readonly name = 'PageError';
  constructor(readonly code: 'link' | 'elsewhere') {
    super(code);
  }
}

const TEXTS: Readonly<Record<string, readonly [title: string, text: string]>> = {
  already_claimed: [
    'Opened on another phone',
    'A link works on one phone only, and another one was first. Ask for a new link.',
  ],
  tampered: ['This message was changed', 'It was altered on its way, so nothing of it was used. Nobody could read it.'],
  gone: ['This link has ended', 'The key was withdrawn, or its time is over. Ask for a new link.'],
  unreachable: ['No connection', 'The relay does not answer. Nothing is lost.'],
  refused: ['Not accepted', 'The relay does not allow this.'],
  malformed: ['This cannot be read', 'This is not a message of such a phone, so nothing of it was used.'],
  too_large: ['Too long', 'This is more than one message may hold, so it was not sent.'],
  receiver_changed: [
    'It is another phone now',
    'The phone that was there before is gone. Nothing that you had for it opens on this one.',
  ],
  not_agreed: [
    'This is not from the same phone',
    'Another phone has written or changed a message, so nothing of it was used. Somebody else may have the link.',
  ],
  link: ['This is not a whole link', 'Copy all of it, to the last character.'],
  not_allowed: ['This link leads elsewhere', 'This phone only calls the relay that this page came from.'],
  elsewhere: ['Open in another tab', 'A phone can be in one tab only. Close the other one, or go on there.'],
  unknown: ['Something went wrong', 'The error is in this page, not at the relay. Try again, or reload the page.'],
};

/** Takes an error, or the code of a warning. */
export function toProblem(error: unknown): Problem {
  const isKnown = error instanceof TransferError || error instanceof PageError;
  const code = isKnown ? error.code : typeof error === 'string' ? error : 'unknown';
  const [title = '', text = ''] = TEXTS[code] ?? [];
  return { code, title, text };
}

export const hasCode = (error: unknown, code: TransferErrorCode): boolean =>
  error instanceof TransferError && error.code === code;
