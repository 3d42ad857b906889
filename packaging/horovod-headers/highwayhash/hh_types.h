#pragma once
#include <cstdint>
namespace highwayhash {
using HHResult64 = uint64_t;
using HHResult128 = uint64_t[2];
using HHResult256 = uint64_t[4];
using HHKey = uint64_t[4];
}  // namespace highwayhash
