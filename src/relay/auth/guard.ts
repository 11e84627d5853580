import { DEVICE_ATTESTATION } from '../../protocol/header-names.js';
import { RelayError } from '../errors.js';
import { describeCause, type Events, type OperationName } from '../events.js';
import { hash } from '../hash.js';
import type { Role } from '../mailbox/roles.js';
import type { RelayRequest } from '../request.js';
import { ClientDisconnected, callHook } from './call-hook.js';
import {
  type AuthenticationHook,
  type AuthenticationHooks,
  type AuthenticationInput,
  type AuthorizationHook,
  isPrincipal,
  type Principal,
  type RelayServices,
} from './contract.js';
import {
  describeAuthorization,
  describeHookFailure,
  describeResult,
  describeUnsendable,
  toHookFailure,
  UnusableResult,
} from './describe-failure.js';
import { assertHookTimeout } from './hook-timeout.js';
import { recordedOutages } from './outages.js';

/** Calls the hooks of a relay. */
export interface Guard {
  /**
   * The principal; `undefined` without a promise if the operation has no hook. Throws the error of the hook, or 503.
   * `data` is the `payload.data` of a create or an update.
   */
  authenticate(
    operation: OperationName,
    request: RelayRequest,
    data?: string,
  ): Promise<Principal | undefined> | undefined;
  /** Binds the authorize hook to a request; `undefined` if there is no such hook. */
  createAuthorizer(
    operation: OperationName,
    request: RelayRequest,
    principal: Principal | undefined,
    data?: string,
  ): ((role: Role) => Promise<void>) | undefined;
}

export interface GuardDependencies {
  readonly hooks: AuthenticationHooks;
  readonly authorize: AuthorizationHook | undefined;
  readonly timeoutMs: number;
  readonly services: RelayServices;
  readonly events: Events;
}

export function findHook(hooks: AuthenticationHooks, operation: OperationName): AuthenticationHook | undefined {
  return hooks[operation] ?? (operation === 'preview' ? undefined : hooks.default);
}

/**
 * The guard fails closed: a request without an explicit success of its hook gets an error. Throws a TypeError if the
 * time limit of a hook can never apply.
 */
export function createGuard({ hooks, authorize, timeoutMs, services, events }: GuardDependencies): Guard {
  for (const hook of Object.values(hooks)) {
    if (hook !== undefined) assertHookTimeout(hook, timeoutMs);
  }

  async function call<Answer>(
    which: 'authenticate' | 'authorize',
    operation: OperationName,
    request: RelayRequest,
    data: string | undefined,
    hook: (input: AuthenticationInput) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    const started = performance.now();
    let hookSignal: AbortSignal | undefined;
    const emitFailed = (cause: string, reason: string): void =>
      events.emit('hook.failed', { hook: which, operation, cause, reason, ms: performance.now() - started });
    const report = (failure: RelayError): void => {
      const cause = describeCause('cause' in failure.details ? failure.details.cause : failure);
      emitFailed(cause, describeHookFailure(failure));
    };
    try {
      return await callHook(timeoutMs, request.disconnect.signal, (signal) => {
        hookSignal = signal;
        return hook(createInput(operation, request, data, services, signal));
      });
    } catch (error) {
      const refusal = toHookFailure(error);
      const { code, status, details } = refusal;
      const unsendable = describeUnsendable(refusal);
      if (unsendable !== undefined) emitFailed(describeCause(refusal), unsendable);
      else if (status >= 500 && !(details.cause instanceof ClientDisconnected)) report(refusal);
      else if (status < 500 && details.reason !== undefined) {
        events.emit('hook.refused', { hook: which, operation, code, reason: details.reason });
      }
      throw refusal;
    } finally {
      if (hookSignal !== undefined) recordedOutages(hookSignal).forEach(report);
    }
  }

  return {
    authenticate(operation, request, data) {
      const hook = findHook(hooks, operation);
      if (hook === undefined) return undefined;
      return call('authenticate', operation, request, data, async (input) => {
        const answer: unknown = await hook(input);
        if (isUsable(answer)) return answer;
        throw new UnusableResult(describeResult(answer));
      });
    },
    createAuthorizer(operation, request, principal, data) {
      if (authorize === undefined) return undefined;
      return (role) =>
        call('authorize', operation, request, data, async (input) => {
          const answer: unknown = await authorize(Object.assign(input, { role, principal }));
          // An author who returns `false` means a refusal, so a return value must not admit the request.
          if (answer !== undefined) throw new UnusableResult(describeAuthorization(answer));
        });
    },
  };
}

/** True for a principal. A getter of the result may throw. */
function isUsable(answer: unknown): answer is Principal {
  try {
    return isPrincipal(answer);
  } catch {
    return false;
  }
}

function createInput(
  operation: OperationName,
  request: RelayRequest,
  data: string | undefined,
  relay: RelayServices,
  signal: AbortSignal,
): AuthenticationInput {
  const header = (name: string): string | undefined => {
    if (request.repeated(name)) throw new RelayError('header_repeated', { members: { header: name } });
    return request.header(name);
  };
  let digest: string | undefined;
  return {
    operation,
    method: request.method,
    // Only the identifier can have capital letters. Hooks see the same URL for each case of it.
    url: relay.resource + request.path.toLowerCase(),
    header,
    attestation: () => header(DEVICE_ATTESTATION),
    get payloadDigest() {
      if (data !== undefined) digest ??= hash('sha256', data, 'base64url');
      return digest;
    },
    host: request.host,
    relay,
    signal,
  };
}
