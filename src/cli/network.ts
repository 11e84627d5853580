import { FatalError } from './errors.js';

/** The `fetch` of one command. */
export interface CommandNetwork {
  readonly fetch: typeof fetch;
  /** The reason why the last request got no answer, such as ECONNREFUSED. */
  readonly cause: string | undefined;
}

const FATAL_CAUSES = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|bad port$)/;

/** `onFatal` receives failures that no retry can change. */
export function createNetwork(onFatal: (failure: FatalError) => void): CommandNetwork {
  let cause: string | undefined;
  return {
    get cause() {
      return cause;
    },
    async fetch(input, init) {
      try {
        // With 'manual', Node shows the status of a redirect; with 'error', only that the request failed.
        const response = await fetch(input, { ...init, redirect: 'manual' });
        cause = undefined;
        if (response.status >= 300 && response.status < 400) onFatal(createRedirectError(response));
        return response;
      } catch (error) {
        cause = getCause(error);
        if (FATAL_CAUSES.test(cause)) onFatal(createConnectionError(cause));
        throw error;
      }
    },
  };
}

function getCause(error: unknown): string {
  if (!(error instanceof TypeError)) return 'it takes too long';
  const { code, message } = (error.cause ?? {}) as { code?: unknown; message?: unknown };
  if (code === 'UND_ERR_SOCKET') return 'the connection was cut';
  return String(code ?? message ?? 'no answer');
}

function createConnectionError(cause: string): FatalError {
  const problem = cause === 'bad port' ? 'fetch blocks this port' : 'No trusted TLS connection to the relay';
  return new FatalError(`${problem} (${cause}).`);
}

/** Names the origin only: the path of a relay's redirect may be the path of a mailbox, which is a secret. */
function createRedirectError({ status, headers, url }: Response): FatalError {
  const location = headers.get('Location');
  const origin = location !== null && URL.canParse(location, url) ? new URL(location, url).origin : 'another address';
  return new FatalError(`This address is not a relay: it redirects to ${origin} (${status}).`, { status });
}
