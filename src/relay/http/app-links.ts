import { buildUrlLink } from '../../protocol/share-url.js';
import type { AppLinkSettings } from '../preview/options.js';

/**
 * The documents by which the systems of phones know that share URLs open in an app, by path: the text of each, as JSON.
 * `mountPath` has no trailing slash, and no character that Apple would read as a pattern, as no `publicUrl` has.
 */
export function createAppLinkDocuments(settings: AppLinkSettings, mountPath: string): Map<string, string> {
  const documents = new Map<string, string>();
  const { appleAppIds, androidApps } = settings;
  if (appleAppIds.length > 0) {
    documents.set(
      '/.well-known/apple-app-site-association',
      JSON.stringify(createAppleDocument(appleAppIds, mountPath)),
    );
  }
  if (androidApps.length > 0)
    documents.set('/.well-known/assetlinks.json', JSON.stringify(androidApps.map(createStatement)));
  return documents;
}

/** Apple: "Supporting associated domains", the form since iOS 13 and macOS 10.15. `*` is any text. */
const createAppleDocument = (appIDs: readonly string[], mountPath: string): object => ({
  applinks: { details: [{ appIDs, components: [{ '/': buildUrlLink(mountPath, '*') }] }] },
});

/** Digital Asset Links: one statement an app. It is for the whole host; which paths an app takes is in its manifest. */
const createStatement = ({ packageName, sha256CertFingerprints }: AppLinkSettings['androidApps'][number]): object => ({
  relation: ['delegate_permission/common.handle_all_urls'],
  target: {
    namespace: 'android_app',
    package_name: packageName,
    sha256_cert_fingerprints: sha256CertFingerprints,
  },
});
