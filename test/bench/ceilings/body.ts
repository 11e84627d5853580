import type { IncomingMessage } from 'node:http';

const LIMIT = 65_536;

/** The bytes of a request's body, at most 64 KiB. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request
      .on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > LIMIT) reject(new Error('The body is too large.'));
        else chunks.push(chunk);
      })
      .on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)))
      .on('error', reject);
  });
}
