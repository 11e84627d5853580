import { z } from 'zod';

/** Options of `postgresStore`. */
export interface PostgresStoreOptions {
  /**
   * The table of the mailboxes, 1 to 48 of the characters `A-Z a-z 0-9 _`. Must not be the table of a Keyv. Default
   * `credential_relay_mailbox`.
   */
  readonly table?: string;
  /**
   * The schema of the table. The store creates a missing schema. Default: `schema` of the URL, else the schema of the
   * KeyvPostgres; for a URL or a Pool the first schema of the connection's `search_path`.
   */
  readonly schema?: string;
  /**
   * True: each connection prepares a statement once, by name. False for a pooler in transaction mode without support
   * for named statements (PgBouncer before 1.21). The store then sets no `statement_timeout` either: set one on the
   * role. Default: `prepare` or `pgbouncer` of the URL, else true.
   *
   * @see https://www.postgresql.org/docs/current/sql-prepare.html
   */
  readonly prepare?: boolean;
  /**
   * Most connections, 1 to 1000. Not for a Pool of the host, which has its own `max`. Default: `pool_size` of the URL,
   * else `max` of the KeyvPostgres, else 10.
   */
  readonly poolSize?: number;
  /**
   * True: the store publishes changes by NOTIFY on the channel `<table>_changes`, and `store.changes` subscribes there
   * by LISTEN, so that long polls at other processes return at once. False: nothing is published, and long polls poll
   * the store; set this behind any pooler in transaction mode, which does not support LISTEN. Use the same value in all
   * processes of a relay. Default: `changes` of the URL, else the value of `prepare`.
   *
   * @see https://www.postgresql.org/docs/current/sql-notify.html
   */
  readonly changes?: boolean | undefined;
}

const DEFAULT_TABLE = 'credential_relay_mailbox';

/** Connections of a pool that the store opens. */
export const DEFAULT_POOL_SIZE = 10;

const poolSizeMessage = 'must be a whole number from 1 to 1000';

export const optionsSchema = z.strictObject({
  table: identifier(48, 'name its schema in the option schema').default(DEFAULT_TABLE),
  schema: identifier(63, 'name one schema').optional(),
  prepare: z.boolean().default(true),
  poolSize: z.int(poolSizeMessage).min(1, poolSizeMessage).max(1_000, poolSizeMessage).optional(),
  changes: z.boolean().optional(),
});

function identifier(maximum: number, dotHint: string): z.ZodType<string> {
  const message = `must be 1 to ${maximum} of the characters A-Z a-z 0-9 _, and begin with no digit`;
  return z
    .string(message)
    .refine((text) => !text.includes('.'), { error: `${message}; ${dotHint}`, abort: true })
    .max(maximum, message)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, message);
}
