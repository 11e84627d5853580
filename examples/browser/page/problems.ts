import { TransferError } from 'credential-relay/client';

/** Why it does not go on, in words for people. */
export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly text: string;
}

/** What stops this page before anything is sent. */
export class PageError extends Error {
  override readonly name = 'PageError';
  constructor(
    readonly code: 'link' | 'elsewhere',
    options?: ErrorOptions,
  ) {
    super(code, options);
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
  malformed: ['This cannot be read', 'What came was no message of such a phone, so nothing of it was used.'],
  too_large: ['Too long', 'This is more than one message may hold, so it was not sent.'],
  receiver_changed: [
    'It is another phone now',
    'The phone that was there before is gone. Nothing that you had for it opens on this one.',
  ],
  not_agreed: [
    'This is not from the same phone',
    'A message came that another phone has written or changed, so nothing of it was used. Somebody else may have the link.',
  ],
  link: ['This is not a whole link', 'Copy all of it, to the last character.'],
  not_allowed: ['This link leads elsewhere', 'This phone only calls the relay that this page came from.'],
  elsewhere: ['Open in another tab', 'A phone can be in one tab only. Close the other one, or go on there.'],
};

const UNKNOWN = [
  'Something went wrong',
  'It went wrong in this page, not at the relay. Try again, or reload the page.',
];

/** The text for a code of {@link TransferError} or {@link PageError}. */
export function problemFor(code: string): Problem {
  const [title = '', text = ''] = TEXTS[code] ?? UNKNOWN;
  return { code, title, text };
}

/** What to show for an error. */
export function problemOf(error: unknown): Problem {
  return problemFor(error instanceof TransferError || error instanceof PageError ? error.code : 'unknown');
}
