// Threads, memory, and what kind of machine this is.
#include <omp.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels.h"

// libgomp spins 300,000 times at each barrier before it sleeps; on a shared machine that makes 40 ms a second. It reads
// GOMP_SPINCOUNT once, in its constructor, which runs before anything of ours except this: a preinit function of the
// executable. setenv does nothing that early, so an entry of the environment that no library cares about is replaced, and
// restored by our constructor, which runs after libgomp's.
static char **borrowed, *original;
static bool spin_count_set;

static void set_spin_count(int, char **, char **env) {
  static char setting[] = "GOMP_SPINCOUNT=5000";
  for (char **e = env; *e; e++)
    if (!std::strncmp(*e, "GOMP_SPINCOUNT=", 15) || !std::strncmp(*e, "OMP_WAIT_POLICY=", 16)) return;
  for (const char *name : {"_=", "SHLVL=", "OLDPWD=", "PWD=", "HOSTNAME=", "USER=", "PATH="})
    for (char **e = env; *e; e++)
      if (!std::strncmp(*e, name, std::strlen(name))) {
        borrowed = e, original = *e, *e = setting, spin_count_set = true;
        return;
      }
}
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **, char **) = set_spin_count;
__attribute__((constructor)) static void restore_environment() {
  if (borrowed) *borrowed = original;
}

int sn_spin_count_set(void) { return spin_count_set; }

void sn_set_threads(int n) {
  omp_set_dynamic(0);
  omp_set_num_threads(n);
}
int sn_threads(void) { return omp_get_max_threads(); }

void sn_onednn_version(int v[3]) {
  const dnnl_version_t *d = dnnl_version();
  v[0] = d->major, v[1] = d->minor, v[2] = d->patch;
}

const char *sn_onednn_isa(void) {
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse4.1";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx2_vnni: return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl_cpu_isa_avx2_vnni_2: return "avx2_vnni_2";
    case dnnl_cpu_isa_avx512_core_fp16: return "avx512_core_fp16";
    case dnnl_cpu_isa_avx512_core_amx_fp16: return "avx512_core_amx_fp16";
#endif
    default: return "other";
  }
}

// Large blocks come from the kernel: zeroed when first touched, given back when freed.
static const size_t large = 1 << 20;

void *sn_alloc(size_t bytes) {
  if (bytes >= large) {
    void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
  }
  size_t whole = (bytes + 63) / 64 * 64;
  void *p = aligned_alloc(64, whole ? whole : 64);
  if (p) std::memset(p, 0, whole);
  return p;
}

void sn_free(void *p, size_t bytes) {
  if (p && bytes >= large)
    munmap(p, bytes);
  else
    free(p);
}
