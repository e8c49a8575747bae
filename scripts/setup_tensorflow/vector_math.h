// What all code for one kind of processor begins with: registers of VECTOR
// values. No include guard, see for_each_processor.h.

typedef float Vector __attribute__((vector_size(4 * VECTOR)));

inline Vector Load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof(vector));
  return vector;
}

inline void Store(const Vector& vector, float* to) {
  std::memcpy(to, &vector, sizeof(vector));
}

// The first values of a register; the others are 0, and left alone.
inline Vector LoadSome(const float* from, int64_t count) {
  if (count >= VECTOR) return Load(from);
  Vector vector = {};
  if (count > 0) std::memcpy(&vector, from, count * sizeof(float));
  return vector;
}

inline void StoreSome(const Vector& vector, int64_t count, float* to) {
  if (count >= VECTOR) {
    Store(vector, to);
  } else if (count > 0) {
    std::memcpy(to, &vector, count * sizeof(float));
  }
}

inline Vector Spread(float value) { return value - Vector{}; }

inline float Sum(const Vector& vector) {
  float sum = 0;
  for (int i = 0; i < VECTOR; i++) sum += vector[i];
  return sum;
}

// 1 + erf, by the rational function that Eigen takes.
inline Vector Gate(const Vector& u) {
  Vector t = u < -4.0f ? Spread(-4) : u;
  t = t > 4.0f ? Spread(4) : t;
  const Vector s = t * t;
  Vector p = Spread(-2.72614225801306e-10f);
  p = p * s + 2.77068142495902e-08f;
  p = p * s - 2.10102402082508e-06f;
  p = p * s - 5.69250639462346e-05f;
  p = p * s - 7.34990630326855e-04f;
  p = p * s - 2.95459980854025e-03f;
  p = p * s - 1.60960333262415e-02f;
  Vector q = Spread(-1.45660718464996e-05f);
  q = q * s - 2.13374055278905e-04f;
  q = q * s - 1.68282697438203e-03f;
  q = q * s - 7.37332916720468e-03f;
  q = q * s - 1.42647390514189e-02f;
  return t * p / q + 1.0f;
}
