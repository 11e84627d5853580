/*
 * Issuers of Entra ID. A tenant has two: `https://login.microsoftonline.com/{tenant}/v2.0` and the older
 * `https://sts.windows.net/{tenant}/`. The API's registration (`requestedAccessTokenVersion`, by default 1) selects the
 * issuer of its access tokens, whichever endpoint the client uses. Both sign with the keys of the tenant.
 */

const TENANT = /^\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/|$)/i;

/** Hosts that serve many tenants, by the first segment of the path. */
const MICROSOFT_HOSTS = /^(login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net)$/;

/** Names in place of a tenant, for accounts of any company. */
const ANY_TENANT = /^\/(common|organizations|consumers)(\/|$)/i;

/** The issuers of v1.0 tokens of the same tenant; none if the issuer names no tenant by its id. */
export function getEntraIssuers({ pathname }: URL): readonly string[] {
  const tenant = TENANT.exec(pathname)?.[1]?.toLowerCase();
  if (tenant === undefined) return [];
  return [`https://sts.windows.net/${tenant}/`, `https://sts.chinacloudapi.cn/${tenant}/`];
}

/** Returns what is wrong with an issuer option for Entra ID; `undefined` if it may be right. */
export function findEntraIssuerFault({ hostname, pathname }: URL): string | undefined {
  if (ANY_TENANT.test(pathname)) {
    return 'must name one tenant by its id in place of common, organizations or consumers; combine tenants with anyOf';
  }
  if (!MICROSOFT_HOSTS.test(hostname)) return undefined;
  if (!TENANT.test(pathname)) return 'must name the tenant by its id (a UUID), as the metadata do';
  const isComplete = hostname === 'sts.windows.net' || /\/v2\.0\/?$/.test(pathname);
  return isComplete ? undefined : 'must end with /v2.0';
}
