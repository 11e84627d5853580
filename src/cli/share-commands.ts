import type { SentShare } from '../client/index.js';
import { mayOpen } from '../client/links.js';
import { commandLine } from './shell.js';

/** What the user of `send` can do next. */
export interface ShareCommands {
  /** On the other device. */
  readonly receive: string;
  /** On this one. */
  readonly cancel: string;
}

/**
 * The command lines that go on with a share, for people to paste into a shell: whatever is in a link or a path stays
 * text there. Without `isShown` the link is left out of them; `state` is the `--state` of this device, if it has one.
 */
export function shareCommands(
  { url, state: { mailboxUrl = '' } }: Pick<SentShare, 'url' | 'state'>,
  isShown: boolean,
  state: string | undefined,
): ShareCommands {
  // `receive` calls no host on loopback or in a private network unless it is told to.
  const allow = mayOpen(mailboxUrl, undefined) ? [] : ['--allow', new URL(mailboxUrl).host];
  const folder = state === undefined ? [] : ['--state', state];
  return {
    receive: commandLine('receive', isShown ? url : '<link>', ...allow),
    cancel: commandLine('cancel', isShown ? mailboxUrl : '<link>', ...folder),
  };
}
