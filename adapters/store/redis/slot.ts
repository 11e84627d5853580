/** The slots of a cluster. */
const SLOTS = 16_384;

/**
 * The slot of a key without a hash tag, by CRC16 (XMODEM).
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ "Key distribution model"
 */
export function findSlot(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % SLOTS;
}
