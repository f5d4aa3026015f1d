#include "dataplane/base/cpu.h"

namespace coretrack {

std::string MissingCpuFeatures() {
  std::string missing;
#if defined(__x86_64__)
  __builtin_cpu_init();
  [[maybe_unused]] const auto need = [&missing](bool has, const char* name) {
    if (!has) missing += missing.empty() ? name : std::string(", ") + name;
  };
#ifdef __SSE4_2__
  need(__builtin_cpu_supports("sse4.2"), "SSE4.2");
#endif
#ifdef __AVX2__
  need(__builtin_cpu_supports("avx2"), "AVX2");
#endif
#ifdef __BMI2__
  need(__builtin_cpu_supports("bmi2"), "BMI2");
#endif
#ifdef __AES__
  need(__builtin_cpu_supports("aes"), "AES-NI");
#endif
#ifdef __PCLMUL__
  need(__builtin_cpu_supports("pclmul"), "PCLMULQDQ");
#endif
#ifdef __VPCLMULQDQ__
  // And VAES, which came with it everywhere; clang 14 does not know its name.
  need(__builtin_cpu_supports("vpclmulqdq"), "VPCLMULQDQ");
#endif
#ifdef __AVX512F__
  need(__builtin_cpu_supports("avx512f"), "AVX-512F");
#endif
#ifdef __AVX512BW__
  need(__builtin_cpu_supports("avx512bw"), "AVX-512BW");
#endif
#ifdef __AVX512DQ__
  need(__builtin_cpu_supports("avx512dq"), "AVX-512DQ");
#endif
#ifdef __AVX512CD__
  need(__builtin_cpu_supports("avx512cd"), "AVX-512CD");
#endif
#ifdef __AVX512VL__
  need(__builtin_cpu_supports("avx512vl"), "AVX-512VL");
#endif
#ifdef __GFNI__
  need(__builtin_cpu_supports("gfni"), "GFNI");
#endif
#endif
  if (missing.empty()) return "";
  return "this binary was built for a CPU with " + missing +
         ", which this machine lacks; build again here, or with -DCORETRACK_MARCH=westmere (SSE4.2 "
         "and AES)";
}

}  // namespace coretrack
