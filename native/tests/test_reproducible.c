/* Every kernel, on every level that this machine has and with the scalar kernels' own multiply-add: one result, bit for bit. Only which
 * NaN it is may differ. */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "table.h"

enum { MOST = 6000, OUTPUTS = 5 * MOST };
static float in[4][MOST], out[2][OUTPUTS], work[OUTPUTS], pooled[OUTPUTS], upstream[OUTPUTS];
static int32_t classes[MOST];

typedef struct shape {
    size_t rows, cols;
    float p; /* of an activation or an optimizer */
} shape;

/* One kernel on one table; what it writes ends up in work, of which the first count are compared. */
typedef size_t (*run)(const nb_table *t, shape s);

static const struct {
    const char *name;
    const nb_table *table;
    nb_isa needs;
} levels[] = {
    {"scalar without FMA", &nb_table_scalar, NB_ISA_SCALAR},
#ifdef NB_WITH_X86
    {"scalar", &nb_table_scalar_fma, NB_ISA_AVX2},
    {"avx2", &nb_table_avx2, NB_ISA_AVX2},
    {"avx512", &nb_table_avx512, NB_ISA_AVX512},
#endif
};

static void compare(const char *name, run f, shape s) {
    for (size_t level = 0; level < COUNT(levels); level++) {
        if (levels[level].needs > nb_best_isa()) continue;
        memset(work, 0, (3 * s.rows * s.cols + 2 * s.rows + s.cols + 1) * sizeof(float));
        size_t n = f(levels[level].table, s);
        memcpy(out[level > 0], work, n * sizeof(float));
        size_t i = 0;
        while (level > 0 && i < n && (same_bits(out[0][i], out[1][i]) || (is_nan((double)out[0][i]) && is_nan((double)out[1][i])))) i++;
        check(level == 0 || i == n, "%s [%zu,%zu] p %g: %a of %s is %a of %s, at %zu of %zu", name, s.rows, s.cols, (double)s.p,
              (double)out[0][i], levels[0].name, (double)out[1][i], levels[level].name, i, n);
    }
}

/* Activations and binary functions. */
#define X(name, operand, parameter)                                                                                              \
    static size_t forward_##name(const nb_table *t, shape s) {                                                                   \
        NB_FLOAT_OF(parameter);                                                                                                  \
        size_t n = s.rows * s.cols;                                                                                              \
        t->name##_forward(in[0], in[1], s.rows, s.cols, s.cols, NB_PASS(parameter) work);                                        \
        t->name##_forward(in[0], NULL, s.rows, s.cols, s.cols, NB_PASS(parameter) work + n);                                     \
        return 2 * n;                                                                                                            \
    }                                                                                                                            \
    static size_t backward_##name(const nb_table *t, shape s) {                                                                  \
        NB_FLOAT_OF(parameter);                                                                                                  \
        size_t n = s.rows * s.cols;                                                                                              \
        t->name##_backward(in[0], in[1], s.rows, s.cols, s.cols, NB_PASS(parameter) work, work + n);                             \
        t->name##_backward(in[0], in[1], s.rows, s.cols, s.cols, NB_PASS(parameter) work + n + s.cols, NULL);                    \
        return 2 * n + s.cols;                                                                                                   \
    }
#define NB_FLOAT_OF_1(parameter)
#define NB_FLOAT_OF_0(parameter) float parameter = s.p
#define NB_FLOAT_OF(parameter) NB_JOIN(NB_FLOAT_OF_, NB_IS_NONE(parameter))(parameter)
#include "activations.def"
#undef X
#define X(name)                                                                                                                  \
    static size_t binary_##name(const nb_table *t, shape s) {                                                                    \
        size_t n = s.rows * s.cols;                                                                                              \
        t->name(in[0], 1, in[1], 1, n, work);                                                                                    \
        t->name(in[0], 0, in[1], 1, n, work + n);                                                                                \
        t->name(in[0], 1, in[1], 0, n, work + 2 * n);                                                                            \
        return 3 * n;                                                                                                            \
    }
#include "binary.def"
#undef X

/* The rows of kernels.def, each a function run_<name>; without one, the table below does not compile. */
#define RUN(name) static size_t run_##name(const nb_table *t, shape s)

RUN(sum) {
    t->sum(in[0], 1, s.rows * s.cols, 1, 1, work);
    t->sum(in[0], s.rows, s.cols, 1, 1, work + 1);
    t->sum(in[0], 1, s.rows, s.cols, s.cols, work + 1 + s.rows);
    return 1 + s.rows + s.cols;
}

RUN(max) {
    if (s.cols == 0) return 0;
    t->max(in[0], 1, s.rows * s.cols, 1, 1, work);
    t->max(in[0], s.rows, s.cols, 1, 1, work + 1);
    t->max(in[0], 1, s.rows, s.cols, s.cols, work + 1 + s.rows);
    return 1 + s.rows + s.cols;
}

RUN(max_backward) {
    if (s.cols == 0) return 0;
    size_t n = s.rows * s.cols;
    nb_table_scalar.max(in[0], s.rows, s.cols, 1, 1, in[2]);
    t->max_backward(in[1], in[0], in[2], s.rows, s.cols, 1, work);
    nb_table_scalar.max(in[0], 1, s.rows, s.cols, s.cols, in[2]);
    t->max_backward(in[1], in[0], in[2], 1, s.rows, s.cols, work + n);
    return 2 * n;
}

RUN(softmax) {
    t->softmax(in[0], s.rows, s.cols, work);
    return s.rows * s.cols;
}

RUN(log_sum_exp) {
    t->log_sum_exp(in[0], s.rows, s.cols, work);
    return s.rows;
}

/* The loss alone, and the loss with its gradient. */
#define RUN_LOSS(name, target)                                                                                                   \
    RUN(name) {                                                                                                                  \
        if (s.cols == 0) return 0;                                                                                               \
        t->name(in[0], target, in[2], s.rows, s.cols, work, NULL);                                                               \
        t->name(in[0], target, in[2], s.rows, s.cols, work + s.rows, work + 2 * s.rows);                                         \
        return 2 * s.rows + s.rows * s.cols;                                                                                     \
    }
RUN_LOSS(softmax_cross_entropy, classes)
RUN_LOSS(softmax_cross_entropy_dense, in[1])
RUN_LOSS(squared_error, in[1])
RUN_LOSS(sigmoid_cross_entropy, in[1])

/* Parameters and the optimizer's state start from inputs; all of them are compared. */
static size_t start(shape s, float **w, float **a, float **b) {
    size_t n = s.rows * s.cols;
    memcpy(*w = work, in[1], n * sizeof(float));
    memcpy(*a = work + n, in[2], n * sizeof(float));
    memcpy(*b = work + 2 * n, in[3], n * sizeof(float));
    return n;
}
#define RUN_UPDATE(name, call)                                                                                                   \
    RUN(name) {                                                                                                                  \
        float *w, *a, *b;                                                                                                        \
        size_t n = start(s, &w, &a, &b);                                                                                         \
        t->call;                                                                                                                 \
        return 3 * n;                                                                                                            \
    }
RUN_UPDATE(sgd_update, sgd_update(in[0], n, 0.01f, s.p, w))
RUN_UPDATE(momentum_update, momentum_update(in[0], n, 0.01f, 0.9f, 1e-3f, s.p > 0.0f, a, w))
RUN_UPDATE(adagrad_update, adagrad_update(in[0], n, 0.01f, 1e-10f, s.p, a, w))
RUN_UPDATE(rmsprop_update, rmsprop_update(in[0], n, 0.01f, 0.99f, 1e-8f, s.p, a, w))
RUN_UPDATE(adam_update, adam_update(in[0], n, 1e-3f, 0.9f, 0.999f, 1e-8f, 1e-2f, s.p > 0.0f, 0.271f, 0.002997f, a, b, w))

/* Cells of a quarter or a third as many units as there are columns; everything is wanted, and then as little as can be. */
RUN(lstm_forward) {
    const size_t n = s.cols / 4, all = s.rows * n;
    t->lstm_forward(in[0], in[1], s.rows, n, work, work + 4 * all, work + 5 * all);
    t->lstm_forward(in[0], in[1], s.rows, n, NULL, NULL, work + 6 * all);
    return 7 * all;
}

RUN(lstm_backward) {
    const size_t n = s.cols / 4, all = s.rows * n;
    t->lstm_backward(in[0], in[1], in[2], in[3], in[0] + all, s.rows, n, work, work + 4 * all);
    t->lstm_backward(in[0], NULL, in[2], in[3], in[0] + all, s.rows, n, work + 5 * all, NULL);
    t->lstm_backward(NULL, in[1], in[2], in[3], in[0] + all, s.rows, n, NULL, work + 9 * all);
    return 10 * all;
}

RUN(gru_forward) {
    const size_t n = s.cols / 3, all = s.rows * n;
    t->gru_forward(in[0], in[1], in[2], s.rows, n, work, work + 3 * all);
    t->gru_forward(in[0], in[1], in[2], s.rows, n, NULL, work + 4 * all);
    return 5 * all;
}

RUN(gru_backward) {
    const size_t n = s.cols / 3, all = s.rows * n;
    t->gru_backward(in[0], in[1], in[2], in[3], s.rows, n, work, work + 3 * all, work + 6 * all);
    t->gru_backward(in[0], in[1], in[2], in[3], s.rows, n, NULL, NULL, work + 7 * all);
    return 8 * all;
}

RUN(transpose) {
    t->transpose(in[0], s.rows, s.cols, s.cols, work, s.rows);
    return s.rows * s.cols;
}

/* Images of a line of three pixels or one, windows that touch and ones that overlap and are padded. */
static nb_pool pool_of(shape s, int overlaps) {
    const size_t width = s.cols < 3 ? 1 : 3, kernel = overlaps && width > 1 && s.rows > 1 ? 2 : 1, stride = overlaps ? 1 : kernel;
    nb_pool p = {.height = s.rows, .width = width, .channels = s.cols / width, .kernel_height = kernel, .kernel_width = kernel};
    p.stride_height = p.stride_width = stride;
    p.pad_height = p.pad_width = kernel / 2;
    p.out_height = (p.height + 2 * p.pad_height - kernel) / stride + 1;
    p.out_width = (p.width + 2 * p.pad_width - kernel) / stride + 1;
    return p;
}

/* As many results as there may be more than inputs. */
static void upstream_of(const nb_pool *p) {
    for (size_t i = 0; i < p->out_height * p->out_width * p->channels; i++) upstream[i] = in[1][i % MOST];
}

RUN(max_pool) {
    const nb_pool p = pool_of(s, s.p < 1.0f);
    t->max_pool(in[0], &p, 0, p.out_height, work);
    return p.out_height * p.out_width * p.channels;
}

RUN(max_pool_backward) {
    const nb_pool p = pool_of(s, s.p < 1.0f);
    nb_table_scalar.max_pool(in[0], &p, 0, p.out_height, pooled);
    upstream_of(&p);
    t->max_pool_backward(upstream, in[0], pooled, &p, 1, work);
    return p.height * p.width * p.channels;
}

RUN(sum_pool) {
    const nb_pool p = pool_of(s, s.p < 1.0f);
    t->sum_pool(in[0], &p, 0, p.out_height, 0.3f, work);
    return p.out_height * p.out_width * p.channels;
}

RUN(sum_pool_backward) {
    const nb_pool p = pool_of(s, s.p < 1.0f);
    upstream_of(&p);
    t->sum_pool_backward(upstream, &p, 0, p.height, 0.3f, work);
    return p.height * p.width * p.channels;
}

/* The rows in two blocks, and variances that are none, too. */
static size_t moments_of(const nb_table *t, shape s, float *m) {
    const size_t first = s.rows / 2;
    if (first > 0) t->moments(in[0], first, s.cols, s.cols, m);
    t->moments(in[0] + first * s.cols, s.rows - first, s.cols, s.cols, m + (first > 0 ? 3 * s.cols : 0));
    return first > 0 ? 2 : 1;
}

RUN(moments) { return moments_of(t, s, work) * 3 * s.cols; }

RUN(join_moments) {
    const size_t blocks = moments_of(&nb_table_scalar, s, pooled);
    t->join_moments(pooled, blocks, blocks > 1 ? s.rows / 2 : 1, s.rows - s.rows / 2 * (blocks - 1), s.cols, work);
    return 2 * s.cols;
}

RUN(normalize) {
    t->normalize(in[0], in[1], in[2], in[3], in[1], s.rows, s.cols, 1e-5f, s.p < 1.0f, work);
    return s.rows * s.cols;
}

RUN(normalize_sums) {
    t->normalize_sums(in[1], in[0], in[1], in[2], in[3], in[1], s.rows, s.cols, s.cols, 1e-5f, s.p < 1.0f, work);
    return 2 * s.cols;
}

RUN(normalize_backward) {
    for (size_t k = 0; k < 2 * s.cols; k++) upstream[k] = in[3][k % (s.rows * s.cols)];
    t->normalize_backward(in[1], in[0], in[1], in[2], in[3], in[1], upstream, s.rows, s.cols, 7.0f, 1e-5f, s.p < 1.0f, work);
    return s.rows * s.cols;
}

/* A [rows, cols] by B [cols, n] as they lie, then both transposed, where B is packed as the product goes. */
static size_t run_product(const nb_table *t, shape s) {
    enum { PANEL = 256 * NB_PRODUCT_PANEL, WORKSPACE = PANEL * 5 };
    static float workspace[WORKSPACE];
    const size_t of_b = s.cols ? MOST / s.cols : 33, of_c = MOST / s.rows, n = of_b < of_c ? of_b : of_c;
    nb_product p = {.m = s.rows, .n = n < 33 ? n : 33, .k = s.cols, .alpha = s.p, .beta = 0.5f, .a = in[0], .b = in[1], .c = work};
    const size_t results = p.m * p.n;
    p.ldc = p.n;
    for (int form = 0; form < 2; form++, p.c += results) {
        p.a_form = p.b_form = (nb_operand)form;
        p.lda = p.a_form == NB_OPERAND_PLAIN ? p.k : p.m;
        p.ldb = p.b_form == NB_OPERAND_PLAIN ? p.n : p.k;
        memcpy(p.c, in[2], results * sizeof(float));
        if (!check(t->product_workspace(&p) <= WORKSPACE, "workspace of [%zu,%zu,%zu]", p.m, p.n, p.k)) return 0;
        t->product_run(&p, 0, p.m, 0, p.n, workspace);
    }
    return 2 * results;
}

static const struct {
    const char *name;
    run f;
    int has_parameter;
} kernels[] = {
    {"product", run_product, 0},
#define X(name, operand, parameter)                                                                                              \
    {#name " forward", forward_##name, !NB_IS_NONE(parameter)}, {#name " backward", backward_##name, !NB_IS_NONE(parameter)},
#include "activations.def"
#undef X
#define X(name) {#name, binary_##name, 0},
#include "binary.def"
#undef X
#define X(name, params, args) {#name, run_##name, 0},
#include "kernels.def"
#undef X
};

/* Inputs: moderate; of every magnitude; any bits; few values that tie, with zeros of both signs and what is not finite. */
enum { KINDS = 4 };
static float value_of(int kind) {
    static const float few[] = {0.0f, -0.0f, 1.0f, -1.0f, 2.5f, -2.5f, 0x1p-149f, -0x1p-127f, 1e4f, -1e5f, 3e38f, INFINITY, -INFINITY, NAN};
    switch (kind) {
    case 0: return random_in(-5, 5);
    case 1: return from_bits((random_bits() & 0x807fffffu) | ((87 + random_bits() % 80) << 23));
    case 2: return from_bits(random_bits());
    default: return few[random_bits() % (random_bits() % 4 ? 7 : COUNT(few))];
    }
}

static void fill_inputs(int kind, shape s) {
    for (size_t i = 0; i < s.rows * s.cols; i++) {
        for (size_t k = 0; k < COUNT(in); k++) in[k][i] = value_of(kind);
        if (kind < 2) in[2][i] = fabsf(in[2][i]); /* the averages of squares, and what multiplies a loss */
        if (kind < 2) in[3][i] = fabsf(in[3][i]);
    }
    for (size_t r = 0; r < s.rows; r++) classes[r] = !s.cols ? 0 : random_bits() % 8 ? (int32_t)(random_bits() % s.cols) : -100;
}

static const float parameters[] = {1.0f, 0.25f, -2.0f, 2.5f, -1.7f, 7.0f, 3.0f, 0.0f, -0.5f, 1e-3f};

static void compare_all(shape s, int kind) {
    fill_inputs(kind, s);
    for (size_t i = 0; i < COUNT(kernels); i++)
        for (size_t k = 0; k < (kernels[i].has_parameter ? COUNT(parameters) : 2); k++) {
            s.p = parameters[k * (kernels[i].has_parameter ? 1 : COUNT(parameters) - 1)];
            compare(kernels[i].name, kernels[i].f, s);
        }
}

int main(void) {
    static const size_t rows[] = {1, 3, 17}, large[] = {97, 128, 255, 256, 300, 1000, 1024};
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t cols = 0; cols <= 70; cols++)
            for (size_t i = 0; i < COUNT(rows); i++) compare_all((shape){rows[i], cols, 0}, kind);
        for (size_t i = 0; i < COUNT(large); i++)
            for (size_t r = 1; r < 6; r += 4) compare_all((shape){r, large[i], 0}, kind);
        compare_all((shape){1, MOST, 0}, kind);
        compare_all((shape){1500, 4, 0}, kind);
        compare_all((shape){3000, 1, 0}, kind);
    }
    return finish("reproducible");
}
