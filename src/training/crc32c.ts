/** CRC-32C (Castagnoli), by byte, of its reversed polynomial. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) {
    value = value & 1 ? value >>> 1 ^ 0x82f63b78 : value >>> 1;
  }
  return value;
});

/** The CRC-32C of some bytes. https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4 */
export function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value = value >>> 8 ^ TABLE[(value ^ byte) & 0xff]!;
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** As TensorFlow's records store it: turned, so that it may itself be summed. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const value = crc32c(bytes);
  return ((value >>> 15 | value << 17) + 0xa282ead8) >>> 0;
}
