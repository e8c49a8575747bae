// tfjs-node's binding sets attributes that are one string, not lists of
// strings, which TensorFlow's fused operations want (`fused_ops`). The linker
// puts this function in the place of the one that the binding calls: where an
// operation wants a list, the value is cut at its commas.
#include <string.h>

#include <vector>

#include "tensorflow/c/eager/c_api.h"

extern "C" {

void __real_TFE_OpSetAttrString(TFE_Op* op, const char* name,
                                const void* value, size_t length);

void __wrap_TFE_OpSetAttrString(TFE_Op* op, const char* name,
                                const void* value, size_t length) {
  unsigned char is_list = 0;
  TF_Status* status = TF_NewStatus();
  TFE_OpGetAttrType(op, name, &is_list, status);
  const bool known = TF_GetCode(status) == TF_OK;
  TF_DeleteStatus(status);
  if (!known || !is_list) {
    __real_TFE_OpSetAttrString(op, name, value, length);
    return;
  }
  std::vector<const void*> values;
  std::vector<size_t> lengths;
  const char* at = static_cast<const char*>(value);
  const char* end = at + length;
  while (at < end) {
    const void* comma = memchr(at, ',', end - at);
    const char* stop = comma ? static_cast<const char*>(comma) : end;
    values.push_back(at);
    lengths.push_back(stop - at);
    at = stop + 1;
  }
  TFE_OpSetAttrStringList(op, name, values.data(), lengths.data(),
                          static_cast<int>(values.size()));
}
}
