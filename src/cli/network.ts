import { HopelessFailure } from './errors.js';

/** The network of one command: knows why the last request brought no answer. */
export interface CommandNetwork {
  readonly fetch: typeof fetch;
  /** Such as ECONNREFUSED; `undefined` if the last request was answered. */
  readonly cause: string | undefined;
}

/** What no second try helps against. */
const HOPELESS = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|bad port$)/;

/** Makes the network; `giveUp` hears of what no second try helps against. */
export function createNetwork(giveUp: (failure: HopelessFailure) => void): CommandNetwork {
  let cause: string | undefined;
  return {
    get cause() {
      return cause;
    },
    async fetch(input, init) {
      try {
        // In Node that shows the status of a redirect; 'error' would say nothing but that the request failed.
        const response = await fetch(input, { ...init, redirect: 'manual' });
        cause = undefined;
        const { status } = response;
        if (status >= 300 && status < 400)
          giveUp(redirected(status, originOf(response.headers.get('Location'), response.url)));
        return response;
      } catch (error) {
        cause = causeIn(error);
        if (HOPELESS.test(cause)) giveUp(hopeless(cause));
        throw error;
      }
    },
  };
}

function causeIn(error: unknown): string {
  if (!(error instanceof TypeError)) return 'it takes too long';
  const { code, message } = (error.cause ?? {}) as { code?: unknown; message?: unknown };
  if (code === 'UND_ERR_SOCKET') return 'the connection was cut';
  return String(code ?? message ?? 'no answer');
}

function hopeless(cause: string): HopelessFailure {
  const words = cause === 'bad port' ? 'Nothing may be called at this port' : 'There is no trusted TLS to the relay';
  return new HopelessFailure(`${words} (${cause}).`);
}

/** Where a redirect leads to. Its path is left out: a relay's leads to a mailbox, and who knows it may open that. */
function originOf(location: string | null, base: string): string {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).origin : 'another one';
}

function redirected(status: number, origin: string): HopelessFailure {
  const words = `There is no relay at this address, only a redirect to ${origin} (${status}).`;
  return new HopelessFailure(words, { status });
}
