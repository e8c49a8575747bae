/** A decoded image, 8 bits a channel. */
export interface RgbImage {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Red, green, blue of each pixel, row by row: `3 * width * height` bytes. */
  readonly data: Uint8Array;
}
