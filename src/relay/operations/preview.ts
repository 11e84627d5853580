import { buildUrlLink } from '../../protocol/mailbox-url.js';
import { loadMailbox } from './commit.js';
import type { PreviewOperation } from './context.js';

/**
 * ReadDisplayInformationFromMailbox (SCT and TIGRESS §6.4): the content that a messenger shows beside the link. It
 * needs no claim and changes nothing, since messengers and mail scanners open these links.
 */
export const readDisplayInformation: PreviewOperation = {
  name: 'preview',
  async run({ address, budget }, context) {
    const { mailbox } = await loadMailbox(context, address, budget);
    return { display: mailbox.display, url: buildUrlLink(context.base, address.identifier) };
  },
};
