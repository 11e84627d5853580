import type { ServerResponse } from 'node:http';
import type { DisconnectWatch } from '../request.js';

/**
 * Watches the response of a Node request: the request itself closes as soon as its body has been read. The controller
 * and its listener are created on first use, so a request that nobody watches pays nothing for them.
 */
export class NodeDisconnectWatch implements DisconnectWatch {
  readonly #response: ServerResponse;
  #controller: AbortController | undefined;
  #onClose: (() => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    if (this.#response.destroyed) controller.abort();
    else {
      this.#onClose = () => controller.abort();
      this.#response.once('close', this.#onClose);
    }
    return controller.signal;
  }

  stop(): void {
    if (this.#onClose !== undefined) this.#response.off('close', this.#onClose);
  }
}

/** Watches a fetch request. The signal is read on first use: a host may create the whole native request for it. */
export class FetchDisconnectWatch implements DisconnectWatch {
  readonly #request: Request;

  constructor(request: Request) {
    this.#request = request;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  /** The host ends its own signal. */
  stop(): void {}
}
