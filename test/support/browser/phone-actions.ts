import type { Locator } from 'playwright-core';
import { findButton, waitForNews } from './page-driver.js';

/** Shares a key and returns the link. */
export async function shareKey(phone: Locator, key: string): Promise<string> {
  await phone.getByLabel(key).check();
  await findButton(phone, 'Share this key').click();
  await waitForNews(phone, 'Waiting for the link to be opened.');
  return phone.getByLabel('Link, with').inputValue();
}

export async function previewLink(phone: Locator, link: string): Promise<void> {
  await phone.getByLabel('Or paste a link').fill(link);
  await findButton(phone, 'Open').click();
}

export async function acceptLink(phone: Locator, link: string): Promise<void> {
  await previewLink(phone, link);
  await findButton(phone, 'Accept').click();
}

/** Waits until both phones show a code. */
export async function compareCodes(sender: Locator, receiver: Locator): Promise<void> {
  await findButton(sender, 'Compare codes').click();
  await waitForNews(sender, 'Compare the codes.');
  await waitForNews(receiver, 'Waiting for Ada to hand over the key.');
}

export async function writeLine(phone: Locator, to: string, text: string): Promise<void> {
  await phone.getByLabel(`Message to ${to}`).fill(text);
  await findButton(phone, 'Send').click();
}

/** The received key, not its preview. */
export const findKey = (phone: Locator, kind: string) => phone.locator(`.arrival .card.${kind}`);

export const findLine = (phone: Locator, text: string) => phone.getByRole('log').getByText(text);
