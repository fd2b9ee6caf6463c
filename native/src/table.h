/* One table of kernels per instruction set, made from the .def files. */
#ifndef NB_TABLE_H
#define NB_TABLE_H
#include "nativebackprop.h"

/* NB_IS_NONE(p) is 1 when the parameter column of activations.def says NONE, else 0. The three macros below it turn that column
 * into a declaration, an argument and a value. */
#define NB_JOIN_(a, b) a##b
#define NB_JOIN(a, b) NB_JOIN_(a, b)
#define NB_PROBE_NONE ~, 1
#define NB_SECOND(a, b, ...) b
#define NB_PROBE(...) NB_SECOND(__VA_ARGS__, 0, ~)
#define NB_IS_NONE(p) NB_PROBE(NB_PROBE_##p)

#define NB_DECLARE_1(p)
#define NB_DECLARE_0(p) float p,
#define NB_DECLARE(p) NB_JOIN(NB_DECLARE_, NB_IS_NONE(p))(p)
#define NB_PASS_1(p)
#define NB_PASS_0(p) p,
#define NB_PASS(p) NB_JOIN(NB_PASS_, NB_IS_NONE(p))(p)
#define NB_VALUE_1(p) 0.0f
#define NB_VALUE_0(p) p
#define NB_VALUE(p) NB_JOIN(NB_VALUE_, NB_IS_NONE(p))(p)

#define NB_FORWARD_PARAMS(p) (const float *z, const float *b, size_t rows, size_t cols, size_t ld, NB_DECLARE(p) float *y)
#define NB_BACKWARD_PARAMS(p)                                                                                                    \
    (const float *dy, const float *s, size_t rows, size_t cols, size_t ld, NB_DECLARE(p) float *dz, float *db)
#define NB_BINARY_PARAMS (const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c)

/* Columns of a packed panel of a product's right operand: the same for every instruction set, which packed operands outlive. */
enum { NB_PRODUCT_PANEL = 32 };

/* The columns of a right operand of n columns in whole panels. */
static inline size_t nb_packed_width(size_t n) { return (n + NB_PRODUCT_PANEL - 1) / NB_PRODUCT_PANEL * NB_PRODUCT_PANEL; }

typedef struct nb_table {
    nb_isa isa;
    int64_t (*multiply_add_peak)(int64_t rounds, float *sum);
    void (*product_run)(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns, float *workspace);
    void (*product_run_channels)(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns);
    size_t (*product_workspace)(const nb_product *p);
    void (*product_pack)(const nb_product *p, size_t column, size_t columns, float *packed);
#define X(name, operand, p)                                                                                                      \
    void(*name##_forward) NB_FORWARD_PARAMS(p);                                                                                  \
    void(*name##_backward) NB_BACKWARD_PARAMS(p);
#include "activations.def"
#undef X
#define X(name) void(*name) NB_BINARY_PARAMS;
#include "binary.def"
#undef X
#define X(name, params, args) void(*name) params;
#include "kernels.def"
#undef X
} nb_table;

extern const nb_table nb_table_scalar;
extern const nb_table nb_table_scalar_fma;
extern const nb_table nb_table_avx2;
extern const nb_table nb_table_avx512;
#endif
