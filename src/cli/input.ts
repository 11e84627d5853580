import { addAbortSignal } from 'node:stream';

/** The first line of standard input, of up to so many characters. Throws the signal's reason. */
export async function lineOfInput(most: number, signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the link, and press Enter:\n');
  let text = '';
  // Leaving the loop closes the input: whoever writes there may be in no hurry to end it.
  for await (const chunk of addAbortSignal(signal, process.stdin.setEncoding('utf8'))) {
    text += chunk;
    if (/\S\s*\n/.test(text) || text.length > most) break;
  }
  return text.trimStart().slice(0, most).split('\n')[0] ?? '';
}
