import { buildUrlLink } from '../../protocol/mailbox-url.js';
import type { AppLinkSettings } from '../preview/options.js';

/**
 * The JSON documents, by path, that make iOS and Android open share URLs in an app. `mountPath` has no trailing slash.
 * It needs no escaping: the characters that `publicUrl` allows have no meaning in a pattern of Apple.
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

/** Digital Asset Links: one statement per app, for the whole host. The manifest of the app selects the paths. */
const createStatement = ({ packageName, sha256CertFingerprints }: AppLinkSettings['androidApps'][number]): object => ({
  relation: ['delegate_permission/common.handle_all_urls'],
  target: {
    namespace: 'android_app',
    package_name: packageName,
    sha256_cert_fingerprints: sha256CertFingerprints,
  },
});
