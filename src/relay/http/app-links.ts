import { buildUrlLink } from '../../protocol/mailbox-url.js';
import type { AndroidAppLinks, AppLinkSettings, LinkVertical } from '../preview/options.js';

/** The verticals that are in a URL. A URL without `v` is of the vertical `a`. */
const VERTICALS_IN_URLS: readonly LinkVertical[] = ['h', 'c'];

/** A pattern of URLs, in the common form of Apple and Android. The first component that matches a URL decides. */
interface Component {
  readonly '/': string;
  readonly '?'?: { readonly v: LinkVertical };
  readonly exclude?: true;
}

const HANDLE_ALL_URLS = 'delegate_permission/common.handle_all_urls';

/**
 * The JSON documents, by path, that make iOS and Android open share URLs in an app. `mountPath` has no trailing slash.
 * It needs no escaping: the characters that `publicUrl` allows have no meaning in a pattern of Apple and Android.
 */
export function createAppLinkDocuments({ apple, android }: AppLinkSettings, mountPath: string): Map<string, string> {
  const documents = new Map<string, string>();
  const paths = buildUrlLink(mountPath, '*');
  if (apple.length > 0) {
    // Apple: "Supporting associated domains", the form since iOS 13 and macOS 10.15. `*` is any text.
    const details = resolveVerticals(apple).map(({ appIds: appIDs, verticals }) => ({
      appIDs,
      components: createComponents(paths, verticals) ?? [{ '/': paths }],
    }));
    documents.set('/.well-known/apple-app-site-association', JSON.stringify({ applinks: { details } }));
  }
  if (android.length > 0) {
    const statements = resolveVerticals(android).map((app) => createStatement(app, paths));
    documents.set('/.well-known/assetlinks.json', JSON.stringify(statements));
  }
  return documents;
}

/**
 * Digital Asset Links: one statement per app, for the whole host. The manifest of the app selects the paths. Since
 * Android 15, dynamic rules select further. Older versions ignore the rules.
 */
function createStatement(
  { packageName, sha256CertFingerprints, verticals }: AndroidAppLinks,
  paths: string,
): Readonly<Record<string, unknown>> {
  const components = createComponents(paths, verticals);
  return {
    relation: [HANDLE_ALL_URLS],
    target: {
      namespace: 'android_app',
      package_name: packageName,
      sha256_cert_fingerprints: sha256CertFingerprints,
    },
    ...(components !== undefined && {
      relation_extensions: { [HANDLE_ALL_URLS]: { dynamic_app_link_components: components } },
    }),
  };
}

/** An app without `verticals` opens the links that no other app names. All links, if no app names any. */
function resolveVerticals<App extends { readonly verticals?: readonly LinkVertical[] | undefined }>(
  apps: readonly App[],
): readonly App[] {
  const named = apps.flatMap(({ verticals = [] }) => verticals);
  if (named.length === 0) return apps;
  const rest = (['a', ...VERTICALS_IN_URLS] as const).filter((vertical) => !named.includes(vertical));
  return apps.map((app) => ({ ...app, verticals: app.verticals ?? rest }));
}

/** The components for links with these verticals; `undefined` for all links. */
function createComponents(
  paths: string,
  verticals: readonly LinkVertical[] | undefined,
): readonly Component[] | undefined {
  if (verticals === undefined) return undefined;
  const toComponent = (v: LinkVertical): Component => ({ '/': paths, '?': { v } });
  if (!verticals.includes('a')) return VERTICALS_IN_URLS.filter((v) => verticals.includes(v)).map(toComponent);
  // General access is every link without a known `v`: no pattern matches an absent parameter on both systems.
  const others = VERTICALS_IN_URLS.filter((v) => !verticals.includes(v));
  return [...others.map((v): Component => ({ ...toComponent(v), exclude: true })), { '/': paths }];
}
