import type { Writable } from 'node:stream';
import { isBehind } from './output.js';
import { printableJson } from './printable.js';

/** Writes events as lines of JSON. */
export type EventLog = (event: object) => void;

/**
 * Makes the log of `serve`. While its reader does not keep up, lines are left out, or requests that others make would
 * fill the memory of this process. Once it has caught up, a line says how many: `{"type":"log.dropped","lines":…}`.
 */
export function createEventLog(stream: Writable): EventLog {
  let dropped = 0;
  const write = (event: object): void => void stream.write(`${printableJson(event)}\n`);
  return (event) => {
    if (isBehind(stream)) {
      if (dropped === 0)
        stream.once('drain', () => {
          write({ type: 'log.dropped', lines: dropped });
          dropped = 0;
        });
      dropped += 1;
      return;
    }
    write(event);
  };
}
