/** A failure in the words of the store: a code for programs, and a sentence with the cause and the remedy. */
export interface Explanation {
  readonly code: string;
  readonly message: string;
}

/** The commands that an explanation may name. Other words of a message may be of a key or a value. */
const COMMANDS = /^(?:AUTH|CLIENT|CLUSTER|EVAL|EVALSHA|GET|GETRANGE|HELLO|PUBLISH|ROLE|SELECT|SENTINEL|SET|TIME)$/;

/** A fixed phrase of Redis or Valkey. `code` is by default the prefix of the message. */
interface Phrase {
  readonly pattern: RegExp;
  readonly code?: string;
  /** Gets the upper-case name of the command in the first group, or `undefined`. */
  message(command: string | undefined): string;
}

const RIGHTS = 'docs/stores.md lists the rights that the relay needs';

/** The first pattern that matches decides. Redis 6.2, 7 and Valkey word some messages differently. */
const PHRASES: readonly Phrase[] = [
  {
    pattern: /(?:ACL failure in script.*|@user_script.*)permissions? to run the '([\w|]+)'|can't run this command/i,
    code: 'redis_script_denied',
    message: (command) =>
      command === undefined
        ? 'The Redis user may run scripts, but not each command inside of them; add +get +set +time to the ACL of the user.'
        : `The Redis user may run scripts, but not the command ${command} inside of them; add +${command.toLowerCase()} ` +
          'to the ACL of the user.',
  },
  {
    pattern: /permissions? to run the '([\w|]+)'/i,
    message: (command) =>
      command === undefined
        ? `The Redis user may not run a command that the relay needs; ${RIGHTS}.`
        : `The Redis user may not run the command ${command}; add +${command.toLowerCase()} to the ACL of the user.`,
  },
  {
    pattern: /access (?:one of the|at least one of the|a) keys?|permissions to access a key/i,
    code: 'NOPERM',
    message: () =>
      'The Redis user may not read and write the keys of the relay; add ~relay:* to the ACL of the user (the option ' +
      'namespace of the relay, and a colon).',
  },
  {
    pattern:
      /^ERR unknown (?:command|redis command)[^A-Za-z]*([A-Za-z]+)?|unsupported command|command '([a-z]+)' (?:is )?not (?:allowed|supported)/i,
    code: 'redis_command_missing',
    message: (command) =>
      command === 'SENTINEL'
        ? 'The server is no sentinel; give the port of the sentinels (26379 by default), or use a redis:// URL.'
        : `Redis does not offer ${command === undefined ? 'a command that the relay needs' : `the command ${command}`}; ` +
          'end its rename-command, or connect to a server (or through a proxy) that offers GET, GETRANGE, SET, TIME, ' +
          'EVAL and EVALSHA.',
  },
  {
    pattern: /called from (?:this )?script|not allowed (?:from|in) scripts?/i,
    code: 'redis_script_denied',
    message: () => 'This Redis does not let scripts call SET, GET or TIME; use a Redis 6.2 or later, or a Valkey.',
  },
  {
    pattern: /DB index is out of range|invalid DB index/i,
    code: 'redis_database_missing',
    message: () =>
      'Redis has no database of this number; correct the number behind the host in the URL, or raise the setting ' +
      'databases (16 by default).',
  },
  {
    pattern: /SELECT is not allowed in cluster mode/i,
    code: 'redis_is_cluster',
    message: () =>
      'The server is a node of a cluster, which has only database 0; use a redis+cluster:// URL without a number.',
  },
  {
    pattern: /cluster support disabled/i,
    code: 'redis_is_no_cluster',
    message: () => 'The server is not a node of a cluster; use a redis:// URL.',
  },
  {
    pattern: /max number of clients/i,
    code: 'redis_clients_exhausted',
    message: () =>
      'Redis accepts no more connections; raise its setting maxclients, or close connections of other programs. Each ' +
      'relay process needs two.',
  },
  {
    pattern: /without any password configured|no password is set/i,
    code: 'redis_password_unexpected',
    message: () =>
      'The URL holds a password, but Redis has none; remove the password from the URL, or set one in Redis.',
  },
  {
    pattern: /^ERR.*syntax error/i,
    code: 'redis_too_old',
    message: () => 'This Redis does not know an option of SET that the relay needs; use Redis 6.2 or later, or Valkey.',
  },
];

/** Prefixes of the replies of Redis. */
const PREFIXES: Readonly<Record<string, string>> = {
  ASK: 'Redis is a node of a cluster; use a redis+cluster:// URL, or pass a cluster client.',
  BUSY: 'A script of another program blocks Redis; wait for its end, or end the script with SCRIPT KILL.',
  CLUSTERDOWN:
    'The Redis cluster does not serve all of its slots; bring its failed masters back, or promote their replicas.',
  DENIED:
    'Redis is in protected mode and refuses connections from other machines; set a password, or bind an address, in ' +
    'the configuration of Redis.',
  ERR: 'Redis refused a command of the relay, for a reason that the store does not print; read the log of Redis.',
  LOADING: 'Redis is loading its data from the disk; it serves when it has loaded all.',
  MASTERDOWN: 'The Redis server is a replica that lost its master; connect to the master, or start a fail-over.',
  MISCONF:
    'Redis refuses writes because it could not save its data; read the log of Redis, and mend its disk or ' +
    'its setting dir.',
  MOVED:
    'Redis is a node of a cluster, and this node does not hold all keys; use a redis+cluster:// URL, or ' +
    'pass a cluster client.',
  NOAUTH: 'Redis requires a password; add it to the URL, as in redis://user:password@host or redis://:password@host.',
  NOPERM: `The Redis user lacks a right that the relay needs; ${RIGHTS}.`,
  NOREPLICAS:
    'Redis refuses writes because too few replicas are connected; start the replicas, or lower the setting ' +
    'min-replicas-to-write.',
  OOM: 'Redis has reached its maxmemory and refuses writes; raise maxmemory, or remove keys of other programs.',
  READONLY:
    'The Redis server is a replica and refuses writes; connect to the primary, or use a redis+sentinel:// URL, which ' +
    'finds the primary.',
  TRYAGAIN: 'The Redis cluster is moving these keys to another node; it serves them after the move.',
  UNKILLABLE:
    'A script of another program blocks Redis and has written already; only a restart of Redis ends the script.',
  WRONGPASS:
    'Redis refused the user name or the password; correct them in the URL. A password for the default user has no name ' +
    'before its colon: redis://:password@host.',
  WRONGTYPE: 'A key of the relay holds a value of another type; give the relay a namespace of its own.',
};

const UNTRUSTED =
  'The certificate of Redis is not signed by an authority that Node knows; name the file of the authority: ?ca=FILE in ' +
  'the URL, or the option tls.ca.';
const NOT_TLS =
  'Redis does not answer in TLS at this port; use redis:// instead of rediss://, or give the port for TLS.';
const NO_ROUTE =
  'The network has no way to the host of Redis; check the host, the port and the firewall. For IPv6, add ?family=6.';
const NO_NAME =
  'The name of the Redis host cannot be resolved; check the host in the URL. For IPv6 networks, add ?family=6.';
const CUT = 'The connection to Redis was cut; if this repeats, the port may expect TLS: use rediss://.';

/** Codes of the system, of Node and of OpenSSL. */
const SYSTEM: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The certificate of Redis has expired; renew it.',
  CERT_NOT_YET_VALID: 'The certificate of Redis is not valid yet; check the clock of this machine.',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  EACCES: 'This process may not connect to Redis; check its sandbox and the firewall.',
  EAI_AGAIN: NO_NAME,
  ECONNREFUSED: 'Nothing listens at the host and port of Redis; start Redis, or correct the host and the port.',
  ECONNRESET: CUT,
  EHOSTUNREACH: NO_ROUTE,
  EMFILE: 'This process has too many open files; raise the limit (ulimit -n).',
  ENETUNREACH: NO_ROUTE,
  ENOENT:
    'There is no Unix socket of Redis at this path; correct the path, or set unixsocket in the configuration of Redis.',
  ENOTFOUND: NO_NAME,
  EPIPE: CUT,
  EPROTO: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'Redis requires a certificate of the client; pass ?cert=FILE&key=FILE in the URL, or the options ' +
    'tls.cert and tls.key.',
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The certificate of Redis is for another host name; use that name in the URL, or the option tls.servername.',
  ETIMEDOUT: NO_ROUTE,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
};

/**
 * Explains an error reply. `prefix` is its error prefix, and `text` all of it, of which the explanation repeats nothing
 * else.
 */
export function explainReply(prefix: string, text: string): Explanation {
  for (const { pattern, code, message } of PHRASES) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const command = (match[1] ?? match[2])?.toUpperCase();
    return {
      code: code ?? prefix,
      message: message(command !== undefined && COMMANDS.test(command) ? command : undefined),
    };
  }
  const message = PREFIXES[prefix] ?? `Redis answered with the error ${prefix}; read the log of Redis.`;
  return { code: prefix, message };
}

/** Explains the code of a failed connection. */
export function explainSystemError(code: string): Explanation {
  return {
    code,
    message: SYSTEM[code] ?? `Redis is not reachable (${code}); check the host, the port and the network.`,
  };
}
