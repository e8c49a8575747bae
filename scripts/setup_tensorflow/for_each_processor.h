// Includes the code that PROCESSOR_CODE names once for each kind of processor,
// with VECTOR values in a register, in a namespace and under a target of its
// own. No include guard: each .cc has its own code.
#define VECTOR 16
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#pragma GCC optimize("fp-contract=fast")
namespace avx512 {
#include PROCESSOR_CODE
}
#pragma GCC pop_options
#undef VECTOR

#define VECTOR 8
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#pragma GCC optimize("fp-contract=fast")
namespace avx2 {
#include PROCESSOR_CODE
}
#pragma GCC pop_options
#undef VECTOR
#undef PROCESSOR_CODE
