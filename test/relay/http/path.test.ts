import { describe, expect, it } from 'vitest';
import { createPathMatcher, hasRelayPath, isRelayPath, parsePath, parseRoute } from '../../../src/relay/http/path.js';

const IDENTIFIER = '2ba7b0e6-519b-41ec-bf63-0242ac130002';

describe('the path below the mount', () => {
  it.each([
    ['/v1/m', '', '/v1/m'],
    ['/v1/m?v=c', '', '/v1/m'],
    ['/relay/v1/m', '/relay', '/v1/m'],
    ['http://host/relay/v1/m?x', '/relay', '/v1/m'],
    ['HTTPS://host:1/relay/v1/m', '/relay', '/v1/m'],
    ['http://a-b_c.example:/relay/v1/m', '/relay', '/v1/m'],
    ['http://[::1]:80/relay/v1/m', '/relay', '/v1/m'],
    // A link with an appended character gets the error page.
    ['/relay/v1/m/x.', '/relay', '/v1/m/x.'],
    ['/relay/v1/m/x%22', '/relay', '/v1/m/x%22'],
    ['/relay/v2/m/x', '/relay', '/v2/m/x'],
    // A mount path that has the form of a version.
    ['/v1/v1/m', '/v1', '/v1/m'],
    [`/v1/v1/m/${IDENTIFIER}`, '/v1', `/v1/m/${IDENTIFIER}`],
  ])('for %s with the mount path %j is %s', (target, mount, path) => {
    expect(createPathMatcher(mount)(target)).toBe(path);
  });

  // The relay does not answer a path that a guard on the mount path does not match [docs/protocol.md §6].
  it.each([
    ['/v1/m', '/relay'],
    ['http://host/v1/m', '/relay'],
    ['/relay/v1/m', ''],
    [`/v1/m/${IDENTIFIER}`, '/v1'],
    ['/share/v1/m', '/relay'],
  ])('is undefined for %s with the mount path %j, and has the form of a path of a relay', (target, mount) => {
    expect(createPathMatcher(mount)(target)).toBeUndefined();
    expect(hasRelayPath(parsePath(target))).toBe(true);
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
    // URL parsers disagree about the start of the path behind such a host.
    ['http://x;y/relay/v1/m', '/relay'],
    ["http://x'y/relay/v1/m", '/relay'],
    ['http://x%2fy/relay/v1/m', '/relay'],
    ['http://x\\y/relay/v1/m', '/relay'],
    ['http://x:8a/relay/v1/m', '/relay'],
    ['http://a@x/relay/v1/m', '/relay'],
    // URL parsers disagree about whether these paths are below the mount.
    ['/relay/v1/m/../../../x', '/relay'],
    ['/relay/v1/m/%2e%2E/x', '/relay'],
    ['/relay/v1/m/.', '/relay'],
    ['/relay/v1/m/..\\..\\x', '/relay'],
    ['http://host', ''],
    ['*', ''],
    ['', ''],
  ])('is undefined for %s with the mount path %j', (target, mount) => {
    expect(createPathMatcher(mount)(target)).toBeUndefined();
  });

  it.each([
    ['/v1/m', { kind: 'collection' }],
    [`/v1/m/${IDENTIFIER}`, { kind: 'mailbox', identifier: IDENTIFIER }],
    [`/v1/m/${IDENTIFIER.toUpperCase()}`, { kind: 'mailbox', identifier: IDENTIFIER }],
    ['/v1/m/', { kind: 'nothing', code: 'not_found' }],
    ['/V1/m', { kind: 'nothing', code: 'not_found' }],
    ['/v1/M', { kind: 'nothing', code: 'not_found' }],
    [`/v1/m/${IDENTIFIER}/`, { kind: 'nothing', code: 'not_found' }],
    ['/v2/m', { kind: 'nothing', code: 'unsupported_version' }],
    ['/v01/m/x', { kind: 'nothing', code: 'unsupported_version' }],
  ])('%s has the route %o', (path, route) => {
    expect(isRelayPath(path)).toBe(true);
    expect(parseRoute(path)).toEqual(route);
  });

  it.each(['/', '', '/v1', '/v1/mm', '/v1x/m', '/vx/m', '//v1/m', '/v1//m', '/v1%2Fm'])(
    '%j is a path of the host',
    (path) => {
      expect(isRelayPath(path)).toBe(false);
    },
  );
});
