// TensorFlow moved this header; Horovod 0.28.1 still includes it under the old name.
#pragma once
#include "xla/service/custom_call_target_registry.h"
