/* nativebackprop.h - the whole C ABI of libnativebackprop.
 *
 * Matrices are row-major float32. Kernels return nothing, allocate nothing, start no threads, keep no state and cannot fail: the
 * caller validates. Parameters stand in the order sources, scalars, destinations; a backward takes dy first. A destination may be
 * exactly the same memory as a source where the comment says so; partial overlap is never allowed. A length of 0 does nothing.
 * No pointer needs an alignment. NaN and infinities propagate as the formulas say; the rounding and denormal modes of the
 * calling thread are left as found. In the modes that a thread starts with, every level gives the same bits, on every machine and
 * beside every C library; only the sign and payload of a NaN may differ.
 */
#ifndef NATIVEBACKPROP_H
#define NATIVEBACKPROP_H
#include <stddef.h>
#include <stdint.h>

#if defined(NB_API)
/* given by the caller: the bindings generator passes an empty one */
#elif defined(_WIN32)
#  define NB_API __declspec(dllexport)
#else
#  define NB_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off: every declaration under its one comment. */
#define NB_ABI_VERSION 5

/* Instruction sets. AVX2 means AVX2 and FMA; AVX512 means F, DQ, BW and VL; both with the register state enabled by the OS. */
typedef enum nb_isa { NB_ISA_SCALAR = 0, NB_ISA_AVX2 = 1, NB_ISA_AVX512 = 2 } nb_isa;

typedef enum nb_status {
    NB_OK = 0,
    NB_ERROR_UNKNOWN_ISA = 1,
    NB_ERROR_UNSUPPORTED_ISA = 2,
    NB_ERROR_SHAPE = 3,
    NB_ERROR_OVERLAP = 4,
} nb_status;

/* The NB_ABI_VERSION that the library was built with. */
NB_API int32_t nb_abi_version(void);
/* Picks the kernels: the best level of this machine, or the one that NBP_FORCE_ISA names (scalar, avx2 or avx512; empty is unset). With
 * an unknown or unsupported value the status says so and the scalar kernels are active, as before the first call. Idempotent and
 * thread safe. */
NB_API nb_status nb_initialize(void);
/* The level whose kernels run now. */
NB_API nb_isa nb_active_isa(void);
/* The best level that the CPU and the operating system support. */
NB_API nb_isa nb_best_isa(void);
/* Selects a level for the whole process; for tests and benchmarks. */
NB_API nb_status nb_set_isa(nb_isa isa);
/* Does rounds of independent multiply-adds in the registers of a level, for measuring the machine's peak, and returns how many
 * floating-point operations that were: two a multiply-add and lane, 0 for a level that this machine lacks. sum gets a number that
 * depends on all of them. */
NB_API int64_t nb_multiply_add_peak(nb_isa isa, int64_t rounds, float *sum);

/* Elementwise functions with bias. z, y, dy, s, dz are [rows, cols] with row stride ld >= cols; b and db are [cols] and may be NULL.
 *   forward:   y[r,c] = f(z[r,c] + b[c])                  y may be z
 *   backward:  dz[r,c] = dy[r,c] f'(s[r,c]), db[c] = sum over r of dz[r,c]   dz may be dy or s; db is overwritten
 * s is the operand that the forward pass has to keep: x = z + b, or y = f(x). At a kink the derivative is the one from the left.
 * Errors on every level, in units of the last place of the result:
 *   exp, log            < 2     every float, denormal results included
 *   sin, cos            < 2     |x| <= 1e4; < 1 beyond, in double precision, lane by lane
 *   tanh, sigmoid       < 3     every float
 *   softplus, elu       < 2     beta = alpha = 1; for another beta the rounding of beta x comes on top, times beta x
 *   silu                < 3     x >= -87; below, the sigmoid is denormal
 *   gelu                < 4     x >= -1; < 10 from there to -13, where the result is 1e-37
 *   gelu_tanh           < 3     x >= -1; grows with |u| below, to 256 at -10, where the result is 1e-37
 * The derivatives add at most a few roundings of their largest term. The others are single IEEE operations or products of them. */
/* f(x) = x. */
NB_API void nb_identity_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = 1; s is not read and may be NULL. */
NB_API void nb_identity_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = x > 0 ? x : 0; NaN gives NaN, -0 gives -0. */
NB_API void nb_relu_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = y > 0 ? 1 : 0 (0 at 0); s = y. */
NB_API void nb_relu_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = x > 0 ? x : negative_slope x. */
NB_API void nb_leaky_relu_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float negative_slope, float *y);
/* f' = x > 0 ? 1 : negative_slope (the slope at 0); s = x. */
NB_API void nb_leaky_relu_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float negative_slope,
        float *dz, float *db);
/* f(x) = |x|. */
NB_API void nb_abs_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = sign(x), 0 at 0; s = x. */
NB_API void nb_abs_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = 1 / (1 + exp(-x)). */
NB_API void nb_sigmoid_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = y (1 - y); s = y. */
NB_API void nb_sigmoid_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = tanh x. */
NB_API void nb_tanh_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = 1 - y^2; s = y. */
NB_API void nb_tanh_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = cos x. */
NB_API void nb_cos_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = -sin x; s = x. */
NB_API void nb_cos_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = sin x. */
NB_API void nb_sin_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = cos x; s = x. */
NB_API void nb_sin_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = log(1 + exp(beta x)) / beta, stable for every x, where beta x overflows too; beta is not 0. */
NB_API void nb_softplus_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float beta, float *y);
/* f' = sigmoid(beta x); s = x. */
NB_API void nb_softplus_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float beta, float *dz,
        float *db);
/* f(x) = x > 0 ? x : alpha (exp(x) - 1). */
NB_API void nb_elu_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float alpha, float *y);
/* f' = x > 0 ? 1 : alpha exp(x) (alpha at 0); s = x. */
NB_API void nb_elu_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float alpha, float *dz, float *db);
/* f(x) = x sigmoid(x). */
NB_API void nb_silu_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = sigmoid(x) (1 + x sigmoid(-x)); s = x. */
NB_API void nb_silu_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = x Phi(x), Phi the normal distribution function (the exact form, through erf). */
NB_API void nb_gelu_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = Phi(x) + x phi(x); s = x. */
NB_API void nb_gelu_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3). */
NB_API void nb_gelu_tanh_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = (1 + tanh u)/2 + x/2 (1 - tanh^2 u) u'; s = x. */
NB_API void nb_gelu_tanh_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = exp x. */
NB_API void nb_exp_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = y; s = y. */
NB_API void nb_exp_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = log x; -Inf at 0, NaN below. */
NB_API void nb_log_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = 1 / x; s = x. */
NB_API void nb_log_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = sqrt x. */
NB_API void nb_sqrt_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = 1 / (2 y); s = y. */
NB_API void nb_sqrt_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = x^2. */
NB_API void nb_square_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = 2 x; s = x. */
NB_API void nb_square_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = 1 / x. */
NB_API void nb_reciprocal_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float *y);
/* f' = -y^2; s = y. */
NB_API void nb_reciprocal_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float *dz, float *db);
/* f(x) = x^exponent with powf's special cases, < 1 ULP; by products, sqrt and division for -2, -1, -1/2, 0, 1/2, 1, 2, 3. */
NB_API void nb_power_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float exponent, float *y);
/* f' = exponent x^(exponent - 1), 0 for exponent 0; s = x. */
NB_API void nb_power_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float exponent, float *dz,
        float *db);
/* f(x) = factor x. */
NB_API void nb_scale_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float factor, float *y);
/* f' = factor; s is not read and may be NULL. */
NB_API void nb_scale_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float factor, float *dz, float *db);
/* f(x) = x + offset. */
NB_API void nb_shift_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float offset, float *y);
/* f' = 1; s is not read and may be NULL. */
NB_API void nb_shift_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float offset, float *dz, float *db);
/* f(x) = |x| <= delta ? x^2 / 2 : delta (|x| - delta / 2), delta > 0. */
NB_API void nb_huber_forward_f32(const float *z, const float *b, size_t rows, size_t cols, size_t ld, float delta, float *y);
/* f' = x between -delta and delta, and the nearer of the two beyond; s = x. */
NB_API void nb_huber_backward_f32(const float *dy, const float *s, size_t rows, size_t cols, size_t ld, float delta, float *dz, float *db);

/* Binary functions of n elements, c[i] = f(a[i inc_a], b[i inc_b]). An increment is 1, or 0 to broadcast one value. c may be an operand
 * whose increment is 1. */
/* a + b. */
NB_API void nb_add_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* a - b. */
NB_API void nb_subtract_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* a b. */
NB_API void nb_multiply_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* a / b. */
NB_API void nb_divide_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* max(a, b): a on ties, NaN if either is NaN. */
NB_API void nb_maximum_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* min(a, b): a on ties, NaN if either is NaN. */
NB_API void nb_minimum_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* 1 if a > b, else 0. */
NB_API void nb_greater_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* 1 if a >= b, else 0. */
NB_API void nb_greater_equal_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);
/* 1 if a = b, else 0. */
NB_API void nb_equal_f32(const float *a, size_t inc_a, const float *b, size_t inc_b, size_t n, float *c);

/* Reductions of x [outer, reduce, inner] over its middle dimension to y [outer, inner]; ld >= inner is the stride from one step of
 * reduce to the next. */
/* y[o,i] = sum over r of x[o,r,i]; 0 when reduce is 0. */
NB_API void nb_sum_f32(const float *x, size_t outer, size_t reduce, size_t inner, size_t ld, float *y);
/* y[o,i] = max over r of x[o,r,i], NaN if one of them is; reduce >= 1. */
NB_API void nb_max_f32(const float *x, size_t outer, size_t reduce, size_t inner, size_t ld, float *y);
/* dx[o,r,i] = dy[o,i] at the first r with x[o,r,i] = y[o,i] (the first NaN if y is NaN), 0 elsewhere; ld = inner; dx is not x. */
NB_API void nb_max_backward_f32(const float *dy, const float *x, const float *y, size_t outer, size_t reduce, size_t inner, float *dx);
/* y[r,c] = exp(z[r,c]) / sum over j of exp(z[r,j]), each row shifted by its maximum; y may be z. */
NB_API void nb_softmax_f32(const float *z, size_t rows, size_t cols, float *y);
/* y[r] = log of the sum over c of exp(z[r,c]), shifted by the row's maximum. */
NB_API void nb_log_sum_exp_f32(const float *z, size_t rows, size_t cols, float *y);

/* Losses of rows [rows, cols]: the loss of each row, l [rows], and its gradient times the upstream gradient dl [rows]. l and the
 * gradient may each be NULL; dl is read only with a gradient. */
/* l = -z[t] + log sum exp z, dz = dl (softmax(z) - onehot(t)), t [rows] below cols, which the caller has checked: a larger index reads and
 * writes outside the matrices; dz may be z. Below 0 it is no class: l and dz are 0. A logit of +Inf or NaN gives NaN otherwise. */
NB_API void nb_softmax_cross_entropy_f32(const float *z, const int32_t *t, const float *dl, size_t rows, size_t cols, float *l, float *dz);
/* l = sum over j of t[j] (log sum exp z - z[j]), dz = dl (softmax(z) sum(t) - t), t [rows, cols]; dz may be z. A logit of
 * -Inf whose target is 0 adds nothing. */
NB_API void nb_softmax_cross_entropy_dense_f32(const float *z, const float *t, const float *dl, size_t rows, size_t cols, float *l,
        float *dz);
/* l = mean over c of (y - t)^2, dy = dl 2 (y - t) / cols, t [rows, cols]; dy may be y or t. */
NB_API void nb_squared_error_f32(const float *y, const float *t, const float *dl, size_t rows, size_t cols, float *l, float *dy);
/* l = mean over c of log(1 + exp z) - t z, dz = dl (sigmoid(z) - t) / cols, t [rows, cols] in [0, 1]; dz may be z or t. Neither cancels
 * or overflows, however large z. An infinite or NaN logit gives NaN or Inf. */
NB_API void nb_sigmoid_cross_entropy_f32(const float *z, const float *t, const float *dl, size_t rows, size_t cols, float *l, float *dz);

/* How an operand of a product lies in memory: rows of op(A) or op(B) as they are; op(A) or op(B) as the transpose of what lies there;
 * B in the panels that nb_product_pack makes; A by tables of offsets, its element in row i at k being a[a_rows[i] + a_ks[k]], as the
 * patches of an image are. */
typedef enum nb_operand { NB_OPERAND_PLAIN = 0, NB_OPERAND_TRANSPOSED = 1, NB_OPERAND_PACKED = 2, NB_OPERAND_SCATTERED = 3 } nb_operand;

/* C = alpha op(A) op(B) + beta C; op(A) is [m, k], op(B) [k, n], C [m, n]. lda, ldb, ldc are the strides from one row in memory to the
 * next; ldb is not read where B is packed, nor lda where A is scattered. C is not read where beta is 0. a_rows [m] and a_ks [k], not
 * negative, are read where A is scattered; row i of C may then begin at c[c_rows[i]], rows that do not overlap, or at c[i ldc] where
 * c_rows is NULL. */
typedef struct nb_product {
    size_t m;
    size_t n;
    size_t k;
    float alpha;
    float beta;
    nb_operand a_form;
    nb_operand b_form;
    const float *a;
    size_t lda;
    const float *b;
    size_t ldb;
    float *c;
    size_t ldc;
    const int32_t *a_rows;
    const int32_t *a_ks;
    const int32_t *c_rows;
} nb_product;

/* Computes C[row .. row + rows, column .. column + columns] and touches nothing else of C. workspace: as long as nb_product_workspace
 * says, one for each call that runs at the same time. An element's bits do not depend on the range that it is computed in, nor on the
 * level: sums go over blocks of 256 of k, each from +0 on by fused multiply-adds, and block by block into C, c = fma(alpha, sum, c),
 * where the first block finds beta c, or 0 where beta is 0. A and B are read, and their NaN and Inf count, where alpha is 0 too.
 * NB_ERROR_SHAPE: a range, a stride or a size does not fit, A is packed, a table is missing or given to an A that is not scattered;
 * NB_ERROR_OVERLAP: C shares memory with A or B. C is then untouched. Where tables say what memory A and C are, the caller sees to it. */
NB_API nb_status nb_product_run_f32(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns, float *workspace);
/* Floats of workspace that any range of this product wants on any level; a, b and c are not read. */
NB_API size_t nb_product_workspace_f32(const nb_product *p);
/* Floats of a packed B. */
NB_API size_t nb_product_packed_length_f32(size_t n, size_t k);
/* Packs columns of B, PLAIN or TRANSPOSED, for any number of products; reads n, k, b_form, b and ldb; packed is other memory, as long as
 * for all of them. The same bytes on every level, 0 where a panel is wider than B. NB_ERROR_SHAPE: B is packed already, its stride does
 * not fit, or the columns do not begin and end with panels of 32 (or at n). */
NB_API nb_status nb_product_pack_f32(const nb_product *p, size_t column, size_t columns, float *packed);

/* The product of each channel with itself alone, C[i, j] = alpha (sum over k of a[a_rows[i] + a_ks[k] + j] B[k, j]) + beta C[i, j], in the
 * order of nb_product_run: a depthwise convolution and its gradients. A is scattered, B plain [k, n]; C and its range as there. Errors
 * likewise. */
NB_API nb_status nb_product_run_channels_f32(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns);

/* Cells of recurrences, with PyTorch's gates and their order. Gates [rows, k n] stand one kind after the other in a row; states and
 * outputs are [rows, n]. A destination that may be NULL is then not wanted. */
/* i, f, o = sigmoid, g = tanh of z = [i f g o]; c = f c0 + i g; h = o tanh(c). gates, which may be z, c and h may be NULL; c or h may be
 * c0. */
NB_API void nb_lstm_forward_f32(const float *z, const float *c0, size_t rows, size_t n, float *gates, float *c, float *h);
/* d = dc + dh o (1 - tanh^2 c); dc0 = d f; dz = [d g i', d c0 f', d i g', dh tanh(c) o'] with f' the slope at the gate's value. dh and dc
 * may be NULL for 0, dz, which may be gates, and dc0, which may be dc, dh or c0, for not wanted. */
NB_API void nb_lstm_backward_f32(const float *dh, const float *dc, const float *gates, const float *c0, const float *c, size_t rows,
        size_t n, float *dz, float *dc0);
/* r, z = sigmoid(x + u) and c = tanh(x + r u) of their thirds of x = [r z c] and u = [r z c]; h = (1 - z) c + z h0. gates = [r z c],
 * which may be x, and h, which may be h0, may be NULL. */
NB_API void nb_gru_forward_f32(const float *x, const float *u, const float *h0, size_t rows, size_t n, float *gates, float *h);
/* dh0 = dh z; dx = [dr dz dc] with dz = dh (h0 - c) z', dc = dh (1 - z) c', dr = dc u_c r'; du = [dr dz (dc r)]. dx, which may be gates,
 * du, which may be u, and dh0, which may be dh or h0, may be NULL. */
NB_API void nb_gru_backward_f32(const float *dh, const float *gates, const float *u, const float *h0, size_t rows, size_t n, float *dx,
        float *du, float *dh0);

/* Updates of n parameters w by their gradient g, in PyTorch's order of operations. d = g + weight_decay w. */
/* w -= lr d. */
NB_API void nb_sgd_update_f32(const float *g, size_t n, float lr, float weight_decay, float *w);
/* v = momentum v + d; w -= lr (nesterov ? d + momentum v : v). */
NB_API void nb_momentum_update_f32(const float *g, size_t n, float lr, float momentum, float weight_decay, int32_t nesterov, float *v,
        float *w);
/* s += d^2; w -= lr d / (sqrt(s) + epsilon). */
NB_API void nb_adagrad_update_f32(const float *g, size_t n, float lr, float epsilon, float weight_decay, float *s, float *w);
/* s = alpha s + (1 - alpha) d^2; w -= lr d / (sqrt(s) + epsilon). */
NB_API void nb_rmsprop_update_f32(const float *g, size_t n, float lr, float alpha, float epsilon, float weight_decay, float *s, float *w);
/* m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2; w -= lr / correction1 m / (sqrt(v) / sqrt(correction2) + epsilon), with
 * correction1 = 1 - beta1^t and correction2 = 1 - beta2^t at step t = 1, 2, ... Decoupled (AdamW): w *= 1 - lr weight_decay first, and d
 * = g. */
NB_API void nb_adam_update_f32(const float *g, size_t n, float lr, float beta1, float beta2, float epsilon, float weight_decay,
        int32_t decoupled, float correction1, float correction2, float *m, float *v, float *w);

/* How windows go over images [height, width, channels], channels last: result (i, j) is made of the kernel_height x kernel_width pixels
 * from (i stride_height - pad_height, j stride_width - pad_width) on, of which only those count that lie in the image. A pad is less
 * than its kernel, and every window holds a pixel: (out - 1) stride + kernel <= extent + 2 pad. */
typedef struct nb_pool {
    size_t height;
    size_t width;
    size_t channels;
    size_t out_height;
    size_t out_width;
    size_t kernel_height;
    size_t kernel_width;
    size_t stride_height;
    size_t stride_width;
    size_t pad_height;
    size_t pad_width;
} nb_pool;

/* Pooling of images that lie one after the other, each channel by itself. Rows are those of the results (of dx in a backward) of all
 * images one after the other: row .. row + rows are written and nothing else. Sums go over a window row by row. */
/* y = the largest pixel of the window, NaN if one of them is. */
NB_API void nb_max_pool_f32(const float *x, const nb_pool *p, size_t row, size_t rows, float *y);
/* Of each result, dy goes to the first pixel of the window, row by row, that equals y (the first NaN if y is NaN); dx is their sum, in the
 * order of the results, 0 elsewhere. dx is other memory. */
NB_API void nb_max_pool_backward_f32(const float *dy, const float *x, const float *y, const nb_pool *p, size_t images, float *dx);
/* y = factor times the sum of the window. */
NB_API void nb_sum_pool_f32(const float *x, const nb_pool *p, size_t row, size_t rows, float factor, float *y);
/* dx = factor times the sum of dy over the results whose window holds the pixel. */
NB_API void nb_sum_pool_backward_f32(const float *dy, const nb_pool *p, size_t row, size_t rows, float factor, float *dx);

/* Moments of the columns of x [rows, cols], rows >= 1, ld >= cols from one row to the next, in one block: m [3, cols], ld apart too, is
 * the mean, rounded; what the rounding lacks of it; and the sum of squared deviations from their sum, to within (rows / 2 + 4) 2^-24 of
 * itself, however far from 0 the mean lies. */
NB_API void nb_moments_f32(const float *x, size_t rows, size_t cols, size_t ld, float *m);
/* The moments of blocks of rows, m [blocks, 3, cols], the last of last rows, joined in their order: y [2, cols] is the mean and the
 * variance, divided by the number of rows. Within (blocks + rows / 2 + 8) 2^-24 of the variance, and for the mean the rounding of itself
 * and as much of the standard deviation, times sqrt(blocks). */
NB_API void nb_join_moments_f32(const float *m, size_t blocks, size_t rows, size_t last, size_t cols, float *y);
/* Normalisation of each column of x [rows, cols] by its mean and variance [cols]: k = w / sqrt(variance + epsilon),
 * y = (x - mean) k + b, and, if it rectifies, the larger of that and 0, as nb_relu_forward; y may be x. */
NB_API void nb_normalize_f32(const float *x, const float *mean, const float *variance, const float *w, const float *b, size_t rows,
        size_t cols, float epsilon, int32_t rectifies, float *y);
/* Of a block of rows, ld apart: s [2, cols], ld apart too, is the sum of dy and that of dy (x - mean) / sqrt(variance + epsilon). If the
 * result was rectified, dy counts as 0 where it was, which is found from x again; w and b are read only then. */
NB_API void nb_normalize_sums_f32(const float *dy, const float *x, const float *mean, const float *variance, const float *w,
        const float *b, size_t rows, size_t cols, size_t ld, float epsilon, int32_t rectifies, float *s);
/* dx = k (dy - s[0] / count - (x - mean) / sqrt(variance + epsilon) s[1] / count), with the sums s [2, cols] over all count rows: the
 * gradient through mean and variance too. dy counts as 0 where the result was rectified; b is read only then. dx may be dy or x. */
NB_API void nb_normalize_backward_f32(const float *dy, const float *x, const float *mean, const float *variance, const float *w,
        const float *b, const float *s, size_t rows, size_t cols, float count, float epsilon, int32_t rectifies, float *dx);

/* y[c,r] = x[r,c]: x [rows, cols] with ldx >= cols from one row to the next, y [cols, rows] with ldy >= rows; y is not x. What lies
 * between the rows of y stays as it is. */
NB_API void nb_transpose_f32(const float *x, size_t rows, size_t cols, size_t ldx, float *y, size_t ldy);

#ifdef __cplusplus
}
#endif
#endif
