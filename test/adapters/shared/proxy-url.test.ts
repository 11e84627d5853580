import { describe, expect, it } from 'vitest';
import { parseNoProxy, parseProxyUrl, readEnvironmentProxy } from '../../../adapters/shared/proxy-url.js';

describe('NO_PROXY', () => {
  it.each([
    ['*', 'https://a.example', true],
    ['', 'https://a.example', false],
    ['example.com', 'https://example.com', true],
    ['example.com', 'https://login.example.com', true],
    ['.example.com', 'https://login.example.com', true],
    ['*.example.com', 'https://login.example.com', true],
    ['example.com', 'https://anexample.com', false],
    ['a.example, EXAMPLE.com b.example', 'https://example.com', true],
    ['example.com:8443', 'https://example.com', false],
    ['example.com:8443', 'https://example.com:8443', true],
    ['10.0.0.0/8', 'https://10.1.2.3', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.0.0.0/8', 'https://10.example', false],
    ['127.0.0.1', 'https://127.0.0.1:8443', true],
    ['[::1]:8443', 'https://[::1]:8443', true],
    ['::1', 'https://[::1]', true],
    ['fd00::/8', 'https://[fd12::1]', true],
    ['example.com.', 'https://login.example.com', true],
    ['.example.com.:443', 'https://login.example.com', true],
    ['example.com', 'https://example.com.', true],
  ])('%j excludes %s: %j', (text, target, isExcluded) => {
    expect(parseNoProxy(text)(new URL(target))).toBe(isExcluded);
  });
});

describe('the proxy of the environment', () => {
  it('is HTTPS_PROXY; the lower-case name comes first, and a host alone means http', () => {
    expect(readEnvironmentProxy('x', {})).toBeUndefined();
    expect(readEnvironmentProxy('x', { HTTPS_PROXY: '' })).toBeUndefined();
    expect(readEnvironmentProxy('x', { HTTPS_PROXY: 'http://a:1', https_proxy: 'b:2' })?.url.href).toBe('http://b:2/');
    expect(parseProxyUrl('socks5://a:1')).toBeUndefined();
    for (const text of ['"http://a:1"', "'http://a:1'", 'undefined', 'http://undefined:1', 'http://$PROXY:1', ' ']) {
      expect(parseProxyUrl(text)).toBeUndefined();
    }
    expect(parseProxyUrl('http://[::1]:3128')?.host).toBe('[::1]:3128');
  });
});
