import { describe, expect, it } from 'vitest';
import { isRelayPath, pathBelowMount, routeOf } from '../../src/http/path.js';

const IDENTIFIER = '2ba7b0e6-519b-41ec-bf63-0242ac130002';

describe('the path below the mount', () => {
  it.each([
    ['/v1/m', '', '/v1/m'],
    ['/v1/m?v=c', '', '/v1/m'],
    ['/relay/v1/m', '/relay', '/v1/m'],
    ['/v1/m', '/relay', '/v1/m'],
    ['/relayed/v1/m', '/relay', '/relayed/v1/m'],
    ['/relay', '/relay', '/relay'],
    ['http://host/relay/v1/m?x', '/relay', '/v1/m'],
    ['http://host', '', ''],
    ['*', '', ''],
    // A mount path that looks like a version, stripped by the host or not.
    ['/v1/m', '/v1', '/v1/m'],
    ['/v1/v1/m', '/v1', '/v1/m'],
    [`/v1/m/${IDENTIFIER}`, '/v1', `/v1/m/${IDENTIFIER}`],
  ])('of %s under %j is %s', (target, mount, path) => {
    expect(pathBelowMount(target, mount)).toBe(path);
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
    expect(routeOf(path)).toEqual(route);
  });

  it.each(['/', '', '/v1', '/v1/mm', '/v1x/m', '/vx/m', '//v1/m', '/v1//m', '/v1%2Fm'])('%j is the host’s', (path) => {
    expect(isRelayPath(path)).toBe(false);
  });
});
