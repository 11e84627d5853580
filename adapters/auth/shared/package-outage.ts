import { RelayError } from '../../../src/relay/errors.js';
import { PackageError } from '../../shared/import-package.js';

/** Throws the 503 for a package that is missing or unusable, with the remedy for the operator. */
export function toPackageOutage(error: unknown): never {
  if (!(error instanceof PackageError)) throw error;
  throw new RelayError('authentication_unavailable', { cause: error, reason: error.message });
}
