/** An optional package that an adapter loads once, for all its hooks and notifiers. */
export interface LazyPackage<Module> {
  /** The loaded package. Throws before {@link LazyPackage.load} has succeeded. */
  readonly module: Module;
  /**
   * Loads the package. Returns `undefined` if it is loaded already, so that a request does not wait for a promise.
   * Rejects with a `PackageError` that names `user`. The next call tries again.
   */
  load(user: string): Promise<void> | undefined;
  /** Starts to load the package. If that fails, prints the reason as a warning of the process. */
  preload(user: string): void;
}

/**
 * Wraps an optional package.
 *
 * @param load - Contains the `await import()` with a literal name inside `try`, and throws the result of
 * `toPackageError`: bundlers recognise an optional package by this form only.
 */
export function lazyPackage<Module>(load: (user: string) => Promise<Module>): LazyPackage<Module> {
  let loaded: Module | undefined;

  // Concurrent calls share the import of Node, and each gets an error that names its own user.
  async function loadFor(user: string): Promise<void> {
    loaded = await load(user);
  }

  return {
    get module() {
      if (loaded === undefined) throw new Error('A package is used before it is loaded.');
      return loaded;
    },
    load: (user) => (loaded === undefined ? loadFor(user) : undefined),
    preload(user) {
      if (loaded !== undefined) return;
      loadFor(user).catch((error: Error & { readonly code: string }) => {
        process.emitWarning(error.message, { type: error.name, code: error.code });
      });
    },
  };
}
