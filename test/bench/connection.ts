import { once } from 'node:events';
import { connect } from 'node:net';

/** An answer as it came; `head` ends before the empty line. */
export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** A keep-alive connection that carries one request at a time. */
export interface Connection {
  /** Sends a whole request, given as text, and gives its answer. Rejects if the connection is lost. */
  request(text: string): Promise<Answer>;
  close(): void;
}

/** Opens a connection. A client of plain sockets costs a fraction of fetch, and so keeps ahead of any server here. */
export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  socket.setEncoding('latin1');

  let received = '';
  let pending: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  socket.on('data', (chunk: string) => {
    received += chunk;
    const answer = parseAnswer(received);
    if (answer === undefined) return;
    received = '';
    const { resolve } = pending ?? { resolve: () => undefined };
    pending = undefined;
    resolve(answer);
  });
  const lost = (): void => pending?.reject(new Error('The server closed the connection.'));
  socket.on('error', lost).on('close', lost);

  return {
    request(text) {
      return new Promise((resolve, reject) => {
        pending = { resolve, reject };
        socket.write(text, 'latin1');
      });
    },
    close: () => void socket.destroy(),
  };
}

const LENGTH = /\r\ncontent-length: (\d+)/i;

/** The answer in what was received, or `undefined` if it is not complete. */
function parseAnswer(received: string): Answer | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const head = received.slice(0, end);
  const length = LENGTH.exec(head)?.[1];
  if (length === undefined) throw new Error(`An answer without Content-Length:\n${head}`);
  const body = received.slice(end + 4);
  if (body.length < Number(length)) return undefined;
  return { status: Number(head.slice(9, 12)), head, body };
}
