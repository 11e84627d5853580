import type { Locator } from 'playwright-core';
import { buttonIn, tells } from './page-driver.js';

/** Shares a key from the sender's phone; the link. */
export async function share(phone: Locator, key: string): Promise<string> {
  await phone.getByLabel(key).check();
  await buttonIn(phone, 'Share this key').click();
  await tells(phone, 'Waiting for the link to be opened.');
  return phone.getByLabel('Link, with').inputValue();
}

/** Looks at a link on a receiver's phone. */
export async function look(phone: Locator, link: string): Promise<void> {
  await phone.getByLabel('Or paste a link').fill(link);
  await buttonIn(phone, 'Open').click();
}

/** Looks at a link, and accepts. */
export async function accept(phone: Locator, link: string): Promise<void> {
  await look(phone, link);
  await buttonIn(phone, 'Accept').click();
}

/** Has the sender make a code with the phone that asks, and waits until both show one. */
export async function compare(sender: Locator, receiver: Locator): Promise<void> {
  await buttonIn(sender, 'Compare codes').click();
  await tells(sender, 'Compare the codes.');
  await tells(receiver, 'Waiting for Ada to hand over the key.');
}

/** Writes a line. */
export async function say(phone: Locator, to: string, text: string): Promise<void> {
  await phone.getByLabel(`Message to ${to}`).fill(text);
  await buttonIn(phone, 'Send').click();
}

/** The key itself, where it has come; a preview has a picture too. */
export const keyOf = (phone: Locator, kind: string) => phone.locator(`.arrival .card.${kind}`);

/** A line of the conversation. */
export const lineOf = (phone: Locator, text: string) => phone.getByRole('log').getByText(text);
