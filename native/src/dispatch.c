/* The exported functions: each jumps through the active table. A declaration in the header that its .def row does not fit does
 * not compile here; one without a row is caught by the test abi. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "table.h"

static _Atomic(const nb_table *) active_table = &nb_table_scalar;

static const nb_table *active(void) { return atomic_load_explicit(&active_table, memory_order_relaxed); }

int32_t nb_abi_version(void) { return NB_ABI_VERSION; }
nb_isa nb_active_isa(void) { return active()->isa; }
nb_isa nb_best_isa(void) { return nb_cpu_best_isa(); }

static const nb_table *table_of(nb_isa isa) {
    switch (isa) {
#ifdef NB_WITH_X86
    case NB_ISA_SCALAR: return nb_cpu_has_fma() ? &nb_table_scalar_fma : &nb_table_scalar;
    case NB_ISA_AVX2: return &nb_table_avx2;
    case NB_ISA_AVX512: return &nb_table_avx512;
#else
    case NB_ISA_SCALAR: return &nb_table_scalar;
    case NB_ISA_AVX2:
    case NB_ISA_AVX512: break;
#endif
    }
    return NULL;
}

nb_status nb_set_isa(nb_isa isa) {
    if ((unsigned)isa > NB_ISA_AVX512) return NB_ERROR_UNKNOWN_ISA;
    if (isa > nb_cpu_best_isa()) return NB_ERROR_UNSUPPORTED_ISA;
    atomic_store_explicit(&active_table, table_of(isa), memory_order_relaxed);
    return NB_OK;
}

int64_t nb_multiply_add_peak(nb_isa isa, int64_t rounds, float *sum) {
    *sum = 0.0f;
    return (unsigned)isa > (unsigned)nb_cpu_best_isa() ? 0 : table_of(isa)->multiply_add_peak(rounds, sum);
}

nb_status nb_initialize(void) {
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    const char *forced = getenv("NBP_FORCE_ISA");
    if (!forced || !*forced) return nb_set_isa(nb_cpu_best_isa());
    nb_status status = NB_ERROR_UNKNOWN_ISA;
    for (int i = 0; i <= NB_ISA_AVX512; i++)
        if (!strcmp(forced, names[i])) status = nb_set_isa((nb_isa)i);
    if (status != NB_OK) nb_set_isa(NB_ISA_SCALAR);
    return status;
}

#define X(name, operand, p)                                                                                                      \
    void nb_##name##_forward_f32 NB_FORWARD_PARAMS(p) { active()->name##_forward(z, b, rows, cols, ld, NB_PASS(p) y); }          \
    void nb_##name##_backward_f32 NB_BACKWARD_PARAMS(p) { active()->name##_backward(dy, s, rows, cols, ld, NB_PASS(p) dz, db); }
#include "activations.def"
#undef X
#define X(name)                                                                                                                  \
    void nb_##name##_f32 NB_BINARY_PARAMS { active()->name(a, inc_a, b, inc_b, n, c); }
#include "binary.def"
#undef X
#define X(name, params, args)                                                                                                    \
    void nb_##name##_f32 params { active()->name args; }
#include "kernels.def"
#undef X
