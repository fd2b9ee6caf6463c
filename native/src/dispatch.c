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

/* The floats that a matrix of so many rows of a length spans; false where the rows are longer than their distance, or where no memory
 * could hold them. */
static int fits(size_t rows, size_t length, size_t ld, size_t *span) {
    const size_t most = PTRDIFF_MAX / sizeof(float);
    *span = 0;
    if (ld < length) return 0;
    if (!rows || !length) return 1;
    if (length > most || rows - 1 > (most - length) / ld) return 0;
    *span = (rows - 1) * ld + length;
    return 1;
}

static int overlap(const float *x, size_t length_x, const float *y, size_t length_y) {
    uintptr_t from_x = (uintptr_t)x, from_y = (uintptr_t)y;
    return length_x && length_y && from_x < from_y + length_y * sizeof(float) && from_y < from_x + length_x * sizeof(float);
}

/* A packed B is k rows of whole panels. */
static int fits_b(const nb_product *p, size_t *span) {
    switch (p->b_form) {
    case NB_OPERAND_PLAIN: return fits(p->k, p->n, p->ldb, span);
    case NB_OPERAND_TRANSPOSED: return fits(p->n, p->k, p->ldb, span);
    case NB_OPERAND_PACKED: return nb_packed_width(p->n) >= p->n && fits(p->k, nb_packed_width(p->n), nb_packed_width(p->n), span);
    default: return 0;
    }
}

static int fits_a(const nb_product *p, size_t *span) {
    const int scattered = p->a_form == NB_OPERAND_SCATTERED, ta = p->a_form == NB_OPERAND_TRANSPOSED;
    *span = 0; /* of a scattered A, which only its tables know */
    if ((p->a_rows || p->a_ks || p->c_rows) && !scattered) return 0;
    if (scattered) return (p->a_rows || !p->m) && (p->a_ks || !p->k);
    return (p->a_form == NB_OPERAND_PLAIN || ta) && fits(ta ? p->k : p->m, ta ? p->m : p->k, p->lda, span);
}

static int fits_c(const nb_product *p, size_t *span) {
    *span = 0;
    return p->c_rows || fits(p->m, p->n, p->ldc, span);
}

static nb_status check_product(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns) {
    size_t a, b, c;
    if (row > p->m || rows > p->m - row || column > p->n || columns > p->n - column) return NB_ERROR_SHAPE;
    if (!fits_a(p, &a) || !fits_b(p, &b) || !fits_c(p, &c)) return NB_ERROR_SHAPE;
    return overlap(p->c, c, p->a, a) || overlap(p->c, c, p->b, b) ? NB_ERROR_OVERLAP : NB_OK;
}

nb_status nb_product_run_f32(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns, float *workspace) {
    nb_status status = check_product(p, row, rows, column, columns);
    if (status == NB_OK) active()->product_run(p, row, rows, column, columns, workspace);
    return status;
}

nb_status nb_product_run_channels_f32(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns) {
    if (p->a_form != NB_OPERAND_SCATTERED || p->b_form != NB_OPERAND_PLAIN) return NB_ERROR_SHAPE;
    nb_status status = check_product(p, row, rows, column, columns);
    if (status == NB_OK) active()->product_run_channels(p, row, rows, column, columns);
    return status;
}

size_t nb_product_workspace_f32(const nb_product *p) {
    size_t most = 0;
    for (int isa = 0; isa <= (int)nb_cpu_best_isa(); isa++) {
        size_t length = table_of((nb_isa)isa)->product_workspace(p);
        if (length > most) most = length;
    }
    return most;
}

size_t nb_product_packed_length_f32(size_t n, size_t k) { return nb_packed_width(n) * k; }

nb_status nb_product_pack_f32(const nb_product *p, size_t column, size_t columns, float *packed) {
    size_t span;
    if (p->b_form == NB_OPERAND_PACKED || !fits_b(p, &span)) return NB_ERROR_SHAPE;
    if (column % NB_PRODUCT_PANEL || column > p->n || columns > p->n - column) return NB_ERROR_SHAPE;
    if (columns % NB_PRODUCT_PANEL && column + columns != p->n) return NB_ERROR_SHAPE;
    active()->product_pack(p, column, columns, packed);
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
