// Measures how many INT8 multiply-accumulates a second this machine can do at most, and prints it as JSON:
//
//   peak <milliseconds for each figure>
//   {"vpdpbusd zmm": {"oneCore": 2.3e11, "allCores": 4.6e11}, "vpdpbusd ymm": {...}, "tdpbusd": null}
//
// A loop of twelve independent chains, all in registers, so that neither memory nor latency holds it up. null stands for
// what this CPU, kernel or compiler cannot do.
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

// Products in one instruction: 4 in each 32-bit lane; a tile holds 16 rows of 64 bytes, against 16 columns.
constexpr double ymmProducts = 8 * 4;
constexpr double zmmProducts = 16 * 4;
constexpr double tileProducts = 16 * 16 * 64;
constexpr int instructionsALoop = 12;

// Rounds short enough that one core's round and its neighbours' overlap for all but a thousandth of the time.
constexpr long loopsARound = 20000;

#define TWELVE(instruction, r)                                                                     \
  instruction " %%" r "15, %%" r "14, %%" r "0\n" instruction " %%" r "15, %%" r "14, %%" r "1\n"   \
  instruction " %%" r "15, %%" r "14, %%" r "2\n" instruction " %%" r "15, %%" r "14, %%" r "3\n"   \
  instruction " %%" r "15, %%" r "14, %%" r "4\n" instruction " %%" r "15, %%" r "14, %%" r "5\n"   \
  instruction " %%" r "15, %%" r "14, %%" r "6\n" instruction " %%" r "15, %%" r "14, %%" r "7\n"   \
  instruction " %%" r "15, %%" r "14, %%" r "8\n" instruction " %%" r "15, %%" r "14, %%" r "9\n"   \
  instruction " %%" r "15, %%" r "14, %%" r "10\n" instruction " %%" r "15, %%" r "14, %%" r "11\n"

#define VECTOR_REGISTERS                                                                                  \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
      "xmm12", "xmm13", "xmm14", "xmm15"

void loopZmm() {
  long left = loopsARound;
  asm volatile("1:\n" TWELVE("vpdpbusd", "zmm") "dec %0\njnz 1b\n" : "+r"(left) : : "cc", VECTOR_REGISTERS);
}

// With AVX512-VL the same instruction takes a mask register's encoding; without, the one of AVX-VNNI.
void loopYmmAvx512() {
  long left = loopsARound;
  asm volatile("1:\n" TWELVE("%{evex%} vpdpbusd", "ymm") "dec %0\njnz 1b\n" : "+r"(left) : : "cc", VECTOR_REGISTERS);
}

void loopYmmAvxVnni() {
  long left = loopsARound;
  asm volatile("1:\n" TWELVE("%{vex%} vpdpbusd", "ymm") "dec %0\njnz 1b\n" : "+r"(left) : : "cc", VECTOR_REGISTERS);
}

struct TileConfig {
  uint8_t palette = 1;
  uint8_t startRow = 0;
  uint8_t reserved[14] = {};
  uint16_t bytesARow[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64, "the layout is the CPU's");

// Four accumulators, two tiles on either side, as a kernel has them.
void loopTiles() {
  TileConfig config;
  long left = loopsARound / 16;
  asm volatile(
      "ldtilecfg %1\n"
      "tilezero %%tmm0\ntilezero %%tmm1\ntilezero %%tmm2\ntilezero %%tmm3\n"
      "tilezero %%tmm4\ntilezero %%tmm5\ntilezero %%tmm6\ntilezero %%tmm7\n"
      "1:\n"
      "tdpbusd %%tmm6, %%tmm4, %%tmm0\ntdpbusd %%tmm7, %%tmm4, %%tmm1\n"
      "tdpbusd %%tmm6, %%tmm5, %%tmm2\ntdpbusd %%tmm7, %%tmm5, %%tmm3\n"
      "tdpbusd %%tmm6, %%tmm4, %%tmm0\ntdpbusd %%tmm7, %%tmm4, %%tmm1\n"
      "tdpbusd %%tmm6, %%tmm5, %%tmm2\ntdpbusd %%tmm7, %%tmm5, %%tmm3\n"
      "tdpbusd %%tmm6, %%tmm4, %%tmm0\ntdpbusd %%tmm7, %%tmm4, %%tmm1\n"
      "tdpbusd %%tmm6, %%tmm5, %%tmm2\ntdpbusd %%tmm7, %%tmm5, %%tmm3\n"
      "dec %0\njnz 1b\n"
      "tilerelease\n"
      : "+r"(left)
      : "m"(config)
      : "cc", "memory");
}

bool hasCpuBit(unsigned leaf, unsigned subleaf, int reg, unsigned bit) {
  unsigned regs[4] = {};
  if (!__get_cpuid_count(leaf, subleaf, &regs[0], &regs[1], &regs[2], &regs[3])) return false;
  return (regs[reg] >> bit) & 1;
}

uint64_t enabledStates() {
  if (!hasCpuBit(1, 0, 2, 27)) return 0;  // OSXSAVE
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

bool systemKeeps(uint64_t states) { return (enabledStates() & states) == states; }

constexpr uint64_t ymmStates = 0x6, zmmStates = 0xe6, tileStates = 0x60000;

bool hasZmm() { return hasCpuBit(7, 0, 2, 11) && systemKeeps(zmmStates); }                           // AVX512_VNNI
bool hasYmmAvx512() { return hasZmm() && hasCpuBit(7, 0, 1, 31); }                                   // AVX512VL
bool hasYmmAvxVnni() { return hasCpuBit(7, 1, 0, 4) && systemKeeps(ymmStates); }                     // AVX_VNNI

// Linux gives the tiles' eight kilobytes to a process that asks for them.
bool hasTiles() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return hasCpuBit(7, 0, 3, 25) && systemKeeps(tileStates) &&
         syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

using Clock = std::chrono::steady_clock;

// Multiply-accumulates a second of all threads together, each on a core of its own.
double rate(void (*loop)(), double macsARound, const std::vector<int>& cores, int milliseconds) {
  std::atomic<int> ready{0};
  std::atomic<double> total{0};
  std::vector<std::thread> threads;
  for (int core : cores) {
    threads.emplace_back([&, core] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(core, &set);
      pthread_setaffinity_np(pthread_self(), sizeof set, &set);
      loop();
      ready++;
      while (ready < static_cast<int>(cores.size())) std::this_thread::yield();
      auto started = Clock::now();
      auto until = started + std::chrono::milliseconds(milliseconds);
      long rounds = 0;
      auto now = started;
      do {
        loop();
        rounds++;
        now = Clock::now();
      } while (now < until);
      double mine = rounds * macsARound / std::chrono::duration<double>(now - started).count();
      for (double sum = total; !total.compare_exchange_weak(sum, sum + mine);) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return total;
}

void print(const char* name, bool available, void (*loop)(), double macsARound, const std::vector<int>& cores,
           int milliseconds, const char* end) {
  if (!available) {
    printf("\"%s\": null%s", name, end);
    return;
  }
  double one = rate(loop, macsARound, {cores[0]}, milliseconds);
  double all = rate(loop, macsARound, cores, milliseconds);
  printf("\"%s\": {\"oneCore\": %.4g, \"allCores\": %.4g}%s", name, one, all, end);
}

std::vector<int> coresOfThisProcess() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

}  // namespace

int main(int count, char** arguments) {
  int milliseconds = count > 1 ? std::max(1, atoi(arguments[1])) : 200;
  auto cores = coresOfThisProcess();
  double loops = static_cast<double>(loopsARound) * instructionsALoop;
  auto ymm = hasYmmAvx512() ? loopYmmAvx512 : loopYmmAvxVnni;
  printf("{");
  print("vpdpbusd zmm", hasZmm(), loopZmm, loops * zmmProducts, cores, milliseconds, ", ");
  print("vpdpbusd ymm", hasYmmAvx512() || hasYmmAvxVnni(), ymm, loops * ymmProducts, cores, milliseconds, ", ");
  double tileLoops = static_cast<double>(loopsARound / 16) * instructionsALoop;
  print("tdpbusd", hasTiles(), loopTiles, tileLoops * tileProducts, cores, milliseconds, "}\n");
}
