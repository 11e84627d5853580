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
 * Imports an optional package. The caller writes the `import()` itself, with the name of the package as a literal:
 * bundlers and tracers find only such imports.
 *
 * @param user - The function that needs the package, for the message, such as `redisStore`.
 * @param name - The package.
 * @param load - `() => import('the-package')`.
 * @throws PackageError with the command to install the package, or with the reason why it cannot be loaded
 */
export async function importPackage<Module>(user: string, name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    if (isMissing(cause, name)) {
      const message = `${user}: the package ${name} is not installed; install it with: npm install ${name}`;
      throw new PackageError('package_missing', message, { cause });
    }
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
    throw new PackageError('package_unusable', `${user}: the package ${name} cannot be loaded: ${reason}`, { cause });
  }
}

/** True if the package itself was not found. False if a file or a dependency of the installed package was not found. */
function isMissing(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const isNotFound = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
  return isNotFound && error.message.includes(`'${name}'`);
}
