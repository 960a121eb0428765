#pragma once
#include <string>
#include <vector>
#include "kernels.hpp"

namespace valence {

// The kernels that this processor, its operating system and the compiler of this build have, best first.
std::vector<const Kernels*> availableKernels();

}  // namespace valence
