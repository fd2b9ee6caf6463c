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

/* The floats that a matrix of so many rows of a length spans. */
static size_t span_of(size_t rows, size_t length, size_t ld) { return rows && length ? (rows - 1) * ld + length : 0; }

static int overlap(const float *x, size_t length_x, const float *y, size_t length_y) {
    uintptr_t from_x = (uintptr_t)x, from_y = (uintptr_t)y;
    return length_x && length_y && from_x < from_y + length_y * sizeof(float) && from_y < from_x + length_x * sizeof(float);
}

static size_t packed_length(size_t n, size_t k) { return (n + NB_PRODUCT_PANEL - 1) / NB_PRODUCT_PANEL * NB_PRODUCT_PANEL * k; }

nb_status nb_product_run_f32(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns, float *workspace) {
    const int ta = p->a_form == NB_OPERAND_TRANSPOSED, tb = p->b_form == NB_OPERAND_TRANSPOSED;
    const int packed = p->b_form == NB_OPERAND_PACKED;
    const size_t rows_a = ta ? p->k : p->m, length_a = ta ? p->m : p->k, rows_b = tb ? p->n : p->k, length_b = tb ? p->k : p->n;
    if ((unsigned)p->a_form > NB_OPERAND_TRANSPOSED || (unsigned)p->b_form > NB_OPERAND_PACKED) return NB_ERROR_SHAPE;
    if (row > p->m || rows > p->m - row || column > p->n || columns > p->n - column) return NB_ERROR_SHAPE;
    if (p->lda < length_a || (!packed && p->ldb < length_b) || p->ldc < p->n) return NB_ERROR_SHAPE;
    const size_t c = span_of(p->m, p->n, p->ldc), b = packed ? packed_length(p->n, p->k) : span_of(rows_b, length_b, p->ldb);
    if (overlap(p->c, c, p->a, span_of(rows_a, length_a, p->lda)) || overlap(p->c, c, p->b, b)) return NB_ERROR_OVERLAP;
    active()->product_run(p, row, rows, column, columns, workspace);
    return NB_OK;
}

size_t nb_product_workspace_f32(const nb_product *p) {
    size_t most = 0;
    for (int isa = 0; isa <= (int)nb_cpu_best_isa(); isa++) {
        size_t length = table_of((nb_isa)isa)->product_workspace(p);
        if (length > most) most = length;
    }
    return most;
}

size_t nb_product_packed_length_f32(size_t n, size_t k) { return packed_length(n, k); }

nb_status nb_product_pack_f32(const nb_product *p, float *packed) {
    const int tb = p->b_form == NB_OPERAND_TRANSPOSED;
    if ((unsigned)p->b_form > NB_OPERAND_TRANSPOSED || p->ldb < (tb ? p->k : p->n)) return NB_ERROR_SHAPE;
    active()->product_pack(p, packed);
    return NB_OK;
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
