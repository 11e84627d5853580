import { expect } from 'vitest';
import { AnchorOutdated, ChainError, parseTrustAnchors, verifyChain } from '../../../adapters/auth/x509/chain.js';
import { type Kind, NOW } from './kinds.js';

/** Whether the relay accepts the chain. An error other than a refusal is a defect. */
export function isAccepted({ chain, anchors, now = NOW }: Kind): boolean {
  const x5c = chain.map(({ base64 }) => base64);
  try {
    const key = verifyChain(x5c, parseTrustAnchors(anchors.map(({ pem }) => pem)), now);
    expect(key.type).toBe('public');
    return true;
  } catch (error) {
    const isRefusal = error instanceof ChainError || error instanceof AnchorOutdated;
    if (isRefusal || (error instanceof TypeError && /^contains a certificate that /.test(error.message))) return false;
    throw error;
  }
}
