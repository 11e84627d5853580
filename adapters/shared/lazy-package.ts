import { importPackage } from './import-package.js';

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
 * Wraps an optional package. `load` contains the `import()` with a literal name, as `importPackage` requires.
 *
 * @example
 * const jose = lazyPackage('jose', () => import('jose'));
 */
export function lazyPackage<Module>(name: string, load: () => Promise<Module>): LazyPackage<Module> {
  let loaded: Module | undefined;
  let pending: Promise<Module> | undefined;

  async function importOnce(user: string): Promise<void> {
    pending ??= importPackage(user, name, load).finally(() => {
      pending = undefined;
    });
    loaded = await pending;
  }

  return {
    get module() {
      if (loaded === undefined) throw new Error(`The package ${name} is used before it is loaded.`);
      return loaded;
    },
    load: (user) => (loaded === undefined ? importOnce(user) : undefined),
    preload(user) {
      if (loaded !== undefined) return;
      importOnce(user).catch((error: Error & { readonly code: string }) => {
        process.emitWarning(error.message, { type: error.name, code: error.code });
      });
    },
  };
}
