#pragma once
#include <cstddef>
#include "highwayhash/arch_specific.h"
#include "highwayhash/hh_types.h"
namespace highwayhash {
template <int Target>
class HighwayHashCatT {
 public:
  explicit HighwayHashCatT(const HHKey&) {}
  void Append(const char*, size_t) {}
  template <typename Result>
  void Finalize(Result*) {}
};
}  // namespace highwayhash
