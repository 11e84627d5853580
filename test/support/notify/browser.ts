import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';

/** The browser's part of Web Push: its keys, its subscription, and the decryption of a push. */
export interface Browser {
  /** The JSON text of its PushSubscription for an endpoint. */
  subscription(endpoint: string, change?: object): string;
  /** Decrypts a push with the coding aes128gcm (RFC 8291 §3.4, RFC 8188 §2.1). Throws for a push to another browser. */
  decrypt(body: Buffer): string;
}

/** Keys as in RFC 8291 §3: random, or a given private key and authentication secret in base64url. */
export function newBrowser(privateKey?: string, secret?: string): Browser {
  const curve = createECDH('prime256v1');
  if (privateKey === undefined) curve.generateKeys();
  else curve.setPrivateKey(privateKey, 'base64url');
  const auth = secret === undefined ? randomBytes(16) : Buffer.from(secret, 'base64url');
  const p256dh = curve.getPublicKey();

  return {
    subscription: (endpoint, change = {}) =>
      JSON.stringify({
        endpoint,
        expirationTime: null,
        keys: { p256dh: p256dh.toString('base64url'), auth: auth.toString('base64url') },
        ...change,
      }),
    decrypt(body) {
      const salt = body.subarray(0, 16);
      const keyLength = body.readUInt8(20);
      const sender = body.subarray(21, 21 + keyLength);
      const record = body.subarray(21 + keyLength);
      if (record.length > body.readUInt32BE(16)) throw new Error('More than one record.');
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), p256dh, sender]);
      const material = Buffer.from(hkdfSync('sha256', curve.computeSecret(sender), auth, info, 32));
      const derive = (label: string, length: number): Buffer =>
        Buffer.from(hkdfSync('sha256', material, salt, Buffer.from(`Content-Encoding: ${label}\0`), length));
      const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
      decipher.setAuthTag(record.subarray(-16));
      const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
      // RFC 8188 §2: the last record ends with 2 and zeros.
      const end = padded.lastIndexOf(2);
      if (end < 0 || padded.subarray(end + 1).some((byte) => byte !== 0)) throw new Error('No end of the last record.');
      return padded.subarray(0, end).toString('utf8');
    },
  };
}
