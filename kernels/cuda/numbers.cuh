// Numbers of a storage type, and packs of them that are loaded at once.
#pragma once

#include <math.h>

#include "kernels/cpu/kernels.h"
#include "kernels/cuda/block.cuh"

#if !defined(__CUDACC__)
#define INCIPIT_KERNEL_ARCH cuda_on_host
#include "kernels/cpu/storage.h"
#endif

namespace incipit::kernels::cuda {

using cpu::BFloat16Bits;
using cpu::Float16Bits;

INCIPIT_DEVICE float load(float x) { return x; }
INCIPIT_DEVICE void store(float& y, float x) { y = x; }
#if defined(__CUDACC__)
INCIPIT_DEVICE float load(BFloat16Bits x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}
INCIPIT_DEVICE float load(Float16Bits x) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
  return wide;
}
INCIPIT_DEVICE void store(BFloat16Bits& y, float x) {
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
}
INCIPIT_DEVICE void store(Float16Bits& y, float x) {
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
}
#else
inline float load(BFloat16Bits x) { return cpu::cuda_on_host::load(x); }
inline float load(Float16Bits x) { return cpu::cuda_on_host::load(x); }
inline void store(BFloat16Bits& y, float x) { cpu::cuda_on_host::store(y, x); }
inline void store(Float16Bits& y, float x) { cpu::cuda_on_host::store(y, x); }
#endif

// Returns x rounded to the storage type T.
template <typename T>
INCIPIT_DEVICE float rounded(float x) {
  T y;
  store(y, x);
  return load(y);
}

// kCount numbers, aligned so that the device loads 16 bytes at once.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount > 16 ? 16 : sizeof(T) * kCount) Pack {
  T values[kCount];
};

// A pack in float32.
template <int kCount>
struct Wide {
  float values[kCount];
  INCIPIT_DEVICE float& operator[](int i) { return values[i]; }
  INCIPIT_DEVICE float operator[](int i) const { return values[i]; }
};

template <int kCount, typename T>
INCIPIT_DEVICE Wide<kCount> load_pack(const T* from) {
  const Pack<T, kCount> pack = *reinterpret_cast<const Pack<T, kCount>*>(from);
  Wide<kCount> wide;
  for (int i = 0; i < kCount; ++i) wide[i] = load(pack.values[i]);
  return wide;
}

template <int kCount, typename T>
INCIPIT_DEVICE void store_pack(T* to, const Wide<kCount>& wide) {
  Pack<T, kCount> pack;
  for (int i = 0; i < kCount; ++i) store(pack.values[i], wide[i]);
  *reinterpret_cast<Pack<T, kCount>*>(to) = pack;
}

// Row `row` of numbers of type T.
template <typename T>
INCIPIT_DEVICE const T* row_of(const Input& x, int64_t row) {
  return static_cast<const T*>(x.data) + row * x.stride;
}
template <typename T>
INCIPIT_DEVICE T* row_of(const Output& x, int64_t row) {
  return static_cast<T*>(x.data) + row * x.stride;
}

template <typename T>
inline constexpr int kPackOf = 16 / static_cast<int>(sizeof(T));

// Whether rows can be read in packs of 16 bytes.
template <typename T>
bool packs(const void* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride % kPackOf<T> == 0;
}
template <typename T, typename... Rows>
bool all_pack(int64_t width, const Rows&... rows) {
  return width % kPackOf<T> == 0 && (packs<T>(rows.data, rows.stride) && ...);
}

// Calls f with a value of the storage type.
template <typename F>
void with_type(Type type, F&& f) {
  switch (type) {
    case Type::kFloat32:
      return f(float{});
    case Type::kBFloat16:
      return f(BFloat16Bits{});
    case Type::kFloat16:
      return f(Float16Bits{});
  }
}

// Launches Kernel<T, 16-byte packs> if `packed`, else Kernel<T, 1>. `work` is the numbers that the
// threads of a block share; `per_thread` the bytes of shared memory for each of them.
template <template <typename, int> class Kernel, typename T, typename Arguments>
void launch_rows(const Launch& to, const Arguments& arguments, bool packed, int64_t blocks,
                 int64_t work, int64_t per_thread) {
  if (packed) {
    const int threads = threads_for(work / kPackOf<T>);
    launch(to, Kernel<T, kPackOf<T>>{arguments}, blocks, threads, threads * per_thread);
  } else {
    const int threads = threads_for(work);
    launch(to, Kernel<T, 1>{arguments}, blocks, threads, threads * per_thread);
  }
}

}  // namespace incipit::kernels::cuda
