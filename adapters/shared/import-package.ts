/** An optional package that an adapter needs is not installed, or cannot be loaded. */
export class PackageError extends Error {
  override readonly name = 'PackageError';
  constructor(
    readonly code: 'package_missing' | 'package_unusable',
    message: string,
    options: { readonly cause: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Explains a failed import of an optional package. Each adapter writes the `import()` itself, inside a `try` of the same
 * function and with a literal name. Bundlers find only literal names. With the `try`, esbuild, webpack and Turbopack
 * build without the package: a missing package is a warning there, and an error elsewhere.
 *
 * @param user - The function that needs the package, for the message, such as `redisStore`.
 * @param name - The package.
 * @param cause - The error of `import()`.
 * @returns an error with the command to install the package, or with the reason why it cannot be loaded
 * @example
 * ```ts
 * async function importPg() {
 *   try {
 *     return await import('pg');
 *   } catch (cause) {
 *     throw toPackageError('postgresStore', 'pg', cause);
 *   }
 * }
 * ```
 */
export function toPackageError(user: string, name: string, cause: unknown): PackageError {
  const { message, isNotFound, pnpCode } = readFailure(cause);
  if (isNotFound && isAbout(message, name, pnpCode !== undefined)) {
    const text = `${user}: the package ${name} is not installed; install it with: npm install ${name}`;
    return new PackageError('package_missing', text, { cause });
  }
  return new PackageError('package_unusable', `${user}: the package ${name} could not be loaded, because: ${message}`, {
    cause,
  });
}

/** The facts of an error. Without `instanceof`: Jest's errors come from another realm, and Bun's are no `Error`. */
function readFailure(error: unknown): { message: string; isNotFound: boolean; pnpCode?: string } {
  if (typeof error !== 'object' || error === null) return { message: String(error), isNotFound: false };
  const { message, code, pnpCode } = error as Readonly<Record<string, unknown>>;
  return {
    message: String(message).split('\n', 1)[0] ?? '',
    isNotFound: code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND',
    ...(typeof pnpCode === 'string' && { pnpCode }),
  };
}

/** True if the package itself was not found. False if a file or a dependency of the installed package was not found. */
function isAbout(message: string, name: string, isPnp: boolean): boolean {
  // Yarn PnP: "credential-relay tried to access pg (a peer dependency) but it isn't provided by your application".
  if (isPnp) return message.includes(`access ${name} `) || message.includes(`access ${name},`);
  return [`'${name}'`, `"${name}"`].some((quoted) => message.includes(quoted));
}
