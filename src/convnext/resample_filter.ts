/** Pillow's numbers for its filters, as `resample` in `preprocessor_config.json`. */
export const RESAMPLE = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
  box: 4,
  hamming: 5,
} as const;

/** How much source pixels weigh by their distance from the centre. */
export interface Filter {
  /** Half its width, in source pixels when enlarging. */
  support: number;
  /** Weight at a distance; not normalised. */
  weight(x: number): number;
}

const sinc = (x: number): number =>
  x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);

/** The filters by number; `nearest` needs none. */
export const FILTERS: Readonly<Record<number, Filter>> = {
  [RESAMPLE.lanczos]: {
    support: 3,
    weight: (x) => -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0,
  },
  [RESAMPLE.bilinear]: {
    support: 1,
    weight: (x) => Math.max(0, 1 - Math.abs(x)),
  },
  [RESAMPLE.bicubic]: { support: 2, weight: bicubic },
  [RESAMPLE.box]: {
    support: 0.5,
    weight: (x) => x > -0.5 && x <= 0.5 ? 1 : 0,
  },
  [RESAMPLE.hamming]: { support: 1, weight: hamming },
};

/** Keys' cubic with a = -0.5; torch and OpenCV take -0.75. */
function bicubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

function hamming(x: number): number {
  const t = Math.abs(x);
  if (t >= 1) return 0;
  // Pillow has these two in single precision.
  const [offset, scale] = [Math.fround(0.54), Math.fround(0.46)];
  return sinc(t) * (offset + scale * Math.cos(t * Math.PI));
}
