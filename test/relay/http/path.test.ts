import { describe, expect, it } from 'vitest';
import { createPathMatcher, isRelayPath, parseRoute } from '../../../src/relay/http/path.js';

const IDENTIFIER = '2ba7b0e6-519b-41ec-bf63-0242ac130002';

/** The rule of a relay, and how often it told of another mount path. */
function rule(mountPath: string, publicPath = mountPath) {
  const seen = { elsewhere: 0 };
  const ownPath = createPathMatcher({ mountPath, publicPath, onOtherMount: () => seen.elsewhere++ });
  return { ownPath, seen };
}

describe('the path below the mount', () => {
  it.each([
    ['/v1/m', '', '/v1/m'],
    ['/v1/m?v=c', '', '/v1/m'],
    ['/relay/v1/m', '/relay', '/v1/m'],
    ['http://host/relay/v1/m?x', '/relay', '/v1/m'],
    ['HTTPS://host:1/relay/v1/m', '/relay', '/v1/m'],
    ['http://a-b_c.example:/relay/v1/m', '/relay', '/v1/m'],
    ['http://[::1]:80/relay/v1/m', '/relay', '/v1/m'],
    // What people append to a link has its page of refusal.
    ['/relay/v1/m/x.', '/relay', '/v1/m/x.'],
    ['/relay/v1/m/x%22', '/relay', '/v1/m/x%22'],
    ['/relay/v2/m/x', '/relay', '/v2/m/x'],
    // A mount path that looks like a version.
    ['/v1/v1/m', '/v1', '/v1/m'],
    [`/v1/v1/m/${IDENTIFIER}`, '/v1', `/v1/m/${IDENTIFIER}`],
  ])('of %s under %j is %s', (target, mount, path) => {
    const { ownPath, seen } = rule(mount);
    expect(ownPath(target)).toBe(path);
    expect(seen.elsewhere).toBe(0);
  });

  // What a guard on the mount path does not see, the relay does not answer [DESIGN §3].
  it.each([
    ['/v1/m', '/relay'],
    ['http://host/v1/m', '/relay'],
    ['/relay/v1/m', '', '/relay'],
    [`/v1/m/${IDENTIFIER}`, '/v1'],
  ])('is none for %s under %j, which is told', (target, mount, publicPath = mount) => {
    const { ownPath, seen } = rule(mount, publicPath);
    expect(ownPath(target)).toBeUndefined();
    expect(seen.elsewhere).toBe(1);
  });

  it('is none for a path that the host has stripped of its prefix, which is told', () => {
    const { ownPath, seen } = rule('/relay');
    expect(ownPath('/share/v1/m', '/v1/m')).toBeUndefined();
    expect(seen.elsewhere).toBe(1);
  });

  it('is that below the mount path, whatever prefix the host has stripped', () => {
    expect(rule('/relay').ownPath('/relay/v1/m', '/v1/m')).toBe('/v1/m');
  });

  it.each([
    ['/relayed/v1/m', '/relay'],
    ['/relay', '/relay'],
    ['/Relay/v1/m', '/relay'],
    ['//relay/v1/m', '/relay'],
    ['/x/../relay/v1/m', '/relay'],
    ['/./relay/v1/m', '/relay'],
    ['/relay//v1/m', '/relay'],
    ['/%72elay/v1/m', '/relay'],
    ['http:///relay/v1/m', '/relay'],
    ['http://host?/relay/v1/m', '/relay'],
    // Parsers of URLs do not agree where the path begins behind such a host.
    ['http://x;y/relay/v1/m', '/relay'],
    ["http://x'y/relay/v1/m", '/relay'],
    ['http://x%2fy/relay/v1/m', '/relay'],
    ['http://x\\y/relay/v1/m', '/relay'],
    ['http://x:8a/relay/v1/m', '/relay'],
    ['http://a@x/relay/v1/m', '/relay'],
    // Nor whether these are below the mount.
    ['/relay/v1/m/../../../x', '/relay'],
    ['/relay/v1/m/%2e%2E/x', '/relay'],
    ['/relay/v1/m/.', '/relay'],
    ['/relay/v1/m/..\\..\\x', '/relay'],
    ['http://host', ''],
    ['*', ''],
    ['', ''],
  ])('is none for %s under %j', (target, mount) => {
    const { ownPath, seen } = rule(mount);
    expect(ownPath(target)).toBeUndefined();
    expect(seen.elsewhere).toBe(0);
  });

  it.each([
    ['/v1/m', { kind: 'collection' }],
    [`/v1/m/${IDENTIFIER}`, { kind: 'mailbox', identifier: IDENTIFIER }],
    [`/v1/m/${IDENTIFIER.toUpperCase()}`, { kind: 'nothing', code: 'mailbox_not_found' }],
    ['/v1/m/', { kind: 'nothing', code: 'not_found' }],
    ['/V1/m', { kind: 'nothing', code: 'not_found' }],
    ['/v1/M', { kind: 'nothing', code: 'not_found' }],
    [`/v1/m/${IDENTIFIER}/`, { kind: 'nothing', code: 'not_found' }],
    ['/v2/m', { kind: 'nothing', code: 'unsupported_version' }],
    ['/v01/m/x', { kind: 'nothing', code: 'unsupported_version' }],
  ])('%s means %o', (path, route) => {
    expect(isRelayPath(path)).toBe(true);
    expect(parseRoute(path)).toEqual(route);
  });

  it.each(['/', '', '/v1', '/v1/mm', '/v1x/m', '/vx/m', '//v1/m', '/v1//m', '/v1%2Fm'])('%j is the host’s', (path) => {
    expect(isRelayPath(path)).toBe(false);
  });
});
