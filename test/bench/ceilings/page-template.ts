import type { Model, Sample } from '../sample.js';
import type { WorkRecord } from './records.js';

/** Makes the preview page of a record. */
export type RenderPage = (display: WorkRecord['display'], url: string) => string;

/** A template got from a real page by taking the sample's own words out of it: so it keeps the size of the real one. */
export function pageTemplate(model: Model, { display }: Sample): RenderPage {
  const url = /"urlLink":"([^"]*)"/.exec(model.create.body)?.[1] ?? '';
  const words = [display.title, display.description, display.imageURL, url];
  const anyWord = new RegExp(`(${words.map((word) => word.replace(/[.?]/g, '\\$&')).join('|')})`);
  // Pieces at odd places are the words found; they are kept as numbers of what goes there.
  const parts = model.preview.body.split(anyWord).map((piece, at) => (at % 2 === 0 ? piece : words.indexOf(piece)));

  return (shown, link) => {
    const image = new URL(shown.imageURL).href;
    const values = [escapeHtml(shown.title), escapeHtml(shown.description), escapeHtml(image), escapeHtml(link)];
    let page = '';
    for (const part of parts) page += typeof part === 'string' ? part : values[part];
    return page;
  };
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');
}
