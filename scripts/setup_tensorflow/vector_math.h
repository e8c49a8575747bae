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

inline Vector Spread(float value) { return value - Vector{}; }

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
