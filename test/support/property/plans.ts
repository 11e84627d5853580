import fc from 'fast-check';
import type { Operation } from './model.js';

/** A step of a random sequence, before its mailbox, ids and version are known. */
export type Plan = RequestPlan | RetryPlan | WaitPlan;

export interface RequestPlan {
  readonly kind: 'request';
  readonly operation: Operation;
  /** 0 is the sender of the first mailbox, `receiver` the bound receiver, and `next` the next receiver in turn. */
  readonly who: number | 'receiver' | 'next';
  readonly upperCase: boolean;
  /** 0 for a new Request-ID, n for the n-th last used Request-ID. */
  readonly idBack: number;
  readonly known: 'none' | 'current' | 'old' | 'never';
  /** The index of the mailbox. A create repeats the claim and id of this mailbox, or uses new ones for `none`. */
  readonly box: number | 'none';
  readonly config: Config;
  readonly fault: Fault;
}

/** The mailboxConfiguration of a create: none, or seconds to live with or without rights. */
export type Config = { readonly seconds: number; readonly rights: string | undefined } | undefined;

export type Fault = (typeof FAULTS)[number];
const FAULTS = ['none', 'claim missing', 'claim malformed', 'claim nil', 'id missing', 'id invalid', 'body'] as const;

/** Repeats an earlier request with the same claim, Request-ID and headers, and with another body. */
export interface RetryPlan {
  readonly kind: 'retry';
  readonly back: number;
}

export interface WaitPlan {
  readonly kind: 'wait';
  /** Milliseconds, or the time to the deadline of the first mailbox, or 1 ms before it. */
  readonly ms: number | 'before' | 'deadline';
}

const DAY = 86_400;

export const rights: fc.Arbitrary<string> = fc
  .shuffledSubarray(['R', 'W', 'D'], { minLength: 1 })
  .map((letters) => letters.join(''));

const config: fc.Arbitrary<Config> = fc.option(
  fc.record({
    seconds: fc.oneof(fc.integer({ min: 2, max: 7_200 }), fc.integer({ min: DAY, max: 29 * DAY })),
    rights: fc.oneof({ weight: 4, arbitrary: rights }, { weight: 1, arbitrary: fc.constant(undefined) }),
  }),
  { nil: undefined, freq: 8 },
);

/** A request without faults. */
export const plainly = (operation: Operation, who: RequestPlan['who']): RequestPlan => ({
  ...{ kind: 'request', operation, who, upperCase: false, idBack: 0, known: 'none', box: 0 },
  ...{ config: undefined, fault: 'none' },
});

/** The distribution of the steps of a sequence. */
export interface Profile {
  /** Devices besides the sender. */
  readonly devices: number;
  readonly weights: Readonly<Record<Operation | 'retry' | 'wait', number>>;
  /** The number of earlier Request-IDs that steps reuse. */
  readonly idsBack: number;
  /** Steps between the first create and the random steps, in a mailbox with all rights. */
  readonly prelude?: readonly Plan[];
  /** One of `faultIn` requests has a fault. */
  readonly faultIn: number;
}

const oneIn = <Value>(n: number, rare: fc.Arbitrary<Value>, usual: Value): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 1, arbitrary: rare }, { weight: n - 1, arbitrary: fc.constant(usual) });

function request(operation: Operation, profile: Profile): fc.Arbitrary<Plan> {
  const other: fc.Arbitrary<RequestPlan['who']> = fc.integer({ min: 1, max: profile.devices });
  const receiver: fc.Arbitrary<RequestPlan['who']> = fc.constant('receiver');
  const next: fc.Arbitrary<RequestPlan['who']> = fc.constant('next');
  const sender: fc.Arbitrary<RequestPlan['who']> = fc.constant(0);
  return fc.record({
    kind: fc.constant('request' as const),
    operation: fc.constant(operation),
    who: fc.oneof(
      { weight: operation === 'relinquish' || operation === 'read' ? 1 : 3, arbitrary: sender },
      { weight: operation === 'read' ? 1 : 3, arbitrary: receiver },
      { weight: operation === 'read' ? 3 : 1, arbitrary: other },
      { weight: operation === 'read' ? 4 : 0, arbitrary: next },
    ),
    upperCase: fc.boolean(),
    idBack: oneIn<number>(2, fc.integer({ min: 1, max: profile.idsBack }), 0),
    known: oneIn<RequestPlan['known']>(3, fc.constantFrom('current', 'old', 'never'), 'none'),
    box: oneIn<RequestPlan['box']>(6, fc.oneof(fc.nat(3), fc.constant('none' as const)), 0),
    config,
    fault: oneIn<Fault>(profile.faultIn, fc.constantFrom(...FAULTS), 'none'),
  });
}

const retry: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constant('retry' as const),
  back: fc.integer({ min: 1, max: 60 }),
});

const wait: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constant('wait' as const),
  ms: fc.oneof(
    fc.integer({ min: 1, max: 2_000 }),
    fc.integer({ min: 60_000, max: 3_600_000 }),
    fc.integer({ min: 3_600_000, max: 30 * 3_600_000 }),
    fc.constantFrom('before' as const, 'deadline' as const),
  ),
});

/** Sequences of up to 60 steps after a create by the sender, which mostly grants all rights. */
export function sequences(profile: Profile): fc.Arbitrary<readonly Plan[]> {
  const { retry: retries, wait: waits, ...requests } = profile.weights;
  const weighted = (Object.keys(requests) as Operation[]).map((operation) => ({
    weight: requests[operation],
    arbitrary: request(operation, profile),
  }));
  const first = fc
    .oneof(
      { weight: 2, arbitrary: fc.constant({ seconds: 10 * DAY, rights: 'DRW' }) },
      { weight: profile.prelude === undefined ? 1 : 0, arbitrary: config },
    )
    .map((chosen): Plan => ({ ...plainly('create', 0), box: 'none', config: chosen }));
  const others = [
    { weight: retries, arbitrary: retry },
    { weight: waits, arbitrary: wait },
  ];
  // Without bias all lengths are equally likely.
  const rest = fc.noBias(fc.array(fc.oneof(...weighted, ...others), { maxLength: 60, size: 'max' }));
  return fc.tuple(first, rest).map(([head, tail]): readonly Plan[] => [head, ...(profile.prelude ?? []), ...tail]);
}
