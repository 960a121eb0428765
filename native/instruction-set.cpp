#include "instruction-set.hpp"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace valence {
namespace {

// Register bits as Intel's manual numbers them (volume 2, CPUID; volume 1, 13.3 for XCR0).
constexpr unsigned kFma = 1u << 12, kOsSavesRegisters = 1u << 27, kHalves = 1u << 29;  // leaf 1, ecx
constexpr unsigned kAvx2 = 1u << 5;                                            // leaf 7.0, ebx
constexpr unsigned kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;        // leaf 7.0, ebx: F, DQ, BW, VL
constexpr unsigned kAvx512Vnni = 1u << 11;                                     // leaf 7.0, ecx
constexpr unsigned kAmx = 1u << 24 | 1u << 25;                                 // leaf 7.0, edx: tiles, int8
constexpr unsigned kAvxVnni = 1u << 4;                                         // leaf 7.1, eax
constexpr uint64_t kSavesAvx = 0x6, kSavesAvx512 = 0xe6, kSavesTiles = 0x60000;  // XCR0

// Linux gives a process the tiles' large register file only when asked (Documentation/arch/x86/xstate.rst).
bool tilesArePermitted() {
#if defined(__linux__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

uint64_t savedRegisters() {
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

bool has(unsigned value, unsigned bits) { return (value & bits) == bits; }

}  // namespace

std::vector<const Kernels*> availableKernels() {
  unsigned a, b, c, d, ignored;
  if (!__get_cpuid(1, &ignored, &ignored, &c, &ignored) || !has(c, kFma | kOsSavesRegisters | kHalves)) return {};
  const uint64_t saved = savedRegisters();
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, kAvx2) || (saved & kSavesAvx) != kSavesAvx) return {};
  unsigned subleaf1 = 0;
  if (a >= 1) __get_cpuid_count(7, 1, &subleaf1, &ignored, &ignored, &ignored);
  const bool avx512 = has(b, kAvx512) && has(c, kAvx512Vnni) && (saved & kSavesAvx512) == kSavesAvx512;
  const bool amx = avx512 && has(d, kAmx) && (saved & kSavesTiles) == kSavesTiles && tilesArePermitted();

  std::vector<const Kernels*> found;
  const auto add = [&](bool here, const Kernels* kernels) {
    if (here && kernels) found.push_back(kernels);
  };
  add(amx, amxKernels());
  add(avx512, avx512VnniKernels());
  add(has(subleaf1, kAvxVnni), avxVnniKernels());
  add(true, avx2Kernels());
  return found;
}

}  // namespace valence
