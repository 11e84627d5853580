import { isKeyvRedis, isNodeRedis } from './client.js';
import { isIoredisKeyvRedis } from './ioredis.js';

/** True for a `KeyvRedis` of an older release, @keyv/redis 2 to 4. */
export function isOutdatedKeyvRedis(value: unknown): boolean {
  if (isIoredisKeyvRedis(value)) return true;
  return (
    isObject(value) &&
    typeof value.createKeyPrefix === 'function' &&
    isObject(value.client) &&
    typeof value.client.sendCommand === 'function' &&
    !isKeyvRedis(value)
  );
}

/** True for a client of node-redis 4 or older. */
export function isOutdatedNodeRedis(value: unknown): boolean {
  return (
    isObject(value) &&
    (typeof value.sendCommand === 'function' || typeof value.send_command === 'function') &&
    typeof value.duplicate === 'function' &&
    typeof value.call !== 'function' &&
    !isNodeRedis(value)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
