/* Products whose left operand lies scattered, and of channels alone: against the order of summation that the header promises, bit
 * for bit, on every level, for any range. Elements of A share memory as the patches of an image do; what no offset names is NaN,
 * and so is what lies between the rows of C. */
#include <string.h>

#include "fused.h"
#include "harness.h"

enum { BLOCK = 256, A_SLOT = 0, B_SLOT, C_SLOT, WORKSPACE_SLOT, PACKED_SLOT, ROWS_SLOT, KS_SLOT, RESULTS_SLOT, MOST = 1 << 16 };

static float c_of[MOST], result_of[MOST];

static size_t random_below(size_t n) { return random_bits() % n; }
static int random_place(void) { return random_bits() % 2 ? AT_START : AT_END; }

/* A table of n offsets between guards: a distance from one to the next, with a jump now and then, as from one row of pixels to
 * another. */
static int32_t *table(int slot, size_t n, size_t step, size_t most_jump) {
    int32_t *offsets = (int32_t *)(void *)guarded(slot, n, random_place());
    size_t at = 0;
    for (size_t i = 0; i < n; i++, at += step + (random_below(5) == 0 ? random_below(most_jump + 1) : 0))
        offsets[i] = (int32_t)at;
    return offsets;
}

static size_t extent(const int32_t *offsets, size_t n) { return n ? (size_t)offsets[n - 1] + 1 : 0; }

static float a_at(const nb_product *p, size_t i, size_t k) { return p->a[p->a_rows[i] + p->a_ks[k]]; }

/* One element as the header words it; step: what a column adds to the offset in A, 1 where a channel is by itself. */
static float in_order(const nb_product *p, const float *b, size_t i, size_t j, size_t step, float c) {
    for (size_t from = 0; from == 0 || from < p->k; from += BLOCK) {
        float sum = 0.0f, beta = from ? 1.0f : p->beta;
        for (size_t k = from; k < p->k && k < from + BLOCK; k++)
            sum = fused_multiply_add((p->a + j * step)[p->a_rows[i] + p->a_ks[k]], b[k * p->n + j], sum);
        c = beta == 0.0f ? p->alpha * sum : fused_multiply_add(p->alpha, sum, beta * c);
    }
    return c;
}

static size_t place_of(const nb_product *p, size_t i) { return p->c_rows ? (size_t)p->c_rows[i] : i * p->ldc; }

static size_t mismatches(const nb_product *p, size_t length, size_t row, size_t rows, size_t column, size_t columns) {
    static float expected[MOST];
    size_t count = 0;
    for (size_t at = 0; at < length; at++) expected[at] = NAN;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            int inside = i >= row && i - row < rows && j >= column && j - column < columns;
            expected[place_of(p, i) + j] = (inside ? result_of : c_of)[i * p->n + j];
        }
    for (size_t at = 0; at < length; at++)
        count += !same_bits(p->c[at], expected[at]) && !(is_nan((double)p->c[at]) && is_nan((double)expected[at]));
    return count;
}

static void run_range(nb_isa isa, nb_product *p, int channels, size_t row, size_t rows, size_t column, size_t columns) {
    size_t length = p->m && p->n ? place_of(p, p->m - 1) + p->n : 0,
           workspace_length = channels ? 0 : nb_product_workspace_f32(p);
    p->c = guarded(C_SLOT, length, random_place());
    for (size_t at = 0; at < length; at++) p->c[at] = NAN;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) p->c[place_of(p, i) + j] = c_of[i * p->n + j];
    float *workspace = guarded(WORKSPACE_SLOT, workspace_length, random_place());
    for (size_t i = 0; i < workspace_length; i++) workspace[i] = NAN;
    nb_status status = channels ? nb_product_run_channels_f32(p, row, rows, column, columns)
                                : nb_product_run_f32(p, row, rows, column, columns, workspace);
    size_t wrong = status == NB_OK ? mismatches(p, length, row, rows, column, columns) : 0;
    check(status == NB_OK && wrong == 0,
          "%s channels %d form %d [%zu,%zu,%zu] c rows %d, rows %zu+%zu columns %zu+%zu: status %d, %zu wrong", isa_names[isa],
          channels, (int)p->b_form, p->m, p->n, p->k, p->c_rows != NULL, row, rows, column, columns, (int)status, wrong);
}

static const float scales[][2] = {{1, 0}, {1, 1}, {-0.01f, 0.9995f}, {2.5f, -0.5f}};

/* On all levels: the whole, and some ranges that start and end anywhere. */
static void test_shape(size_t m, size_t n, size_t k, int channels) {
    const float *scale = scales[random_below(COUNT(scales))];
    nb_product p = {.m = m, .n = n, .k = k, .alpha = scale[0], .beta = scale[1], .a_form = NB_OPERAND_SCATTERED, .ldb = n};
    p.a_rows = table(ROWS_SLOT, m, channels ? n : 1 + random_below(3), 20);
    p.a_ks = table(KS_SLOT, k, channels ? n : 1, 30);
    p.ldc = n + random_below(4);
    p.c_rows = random_below(2) ? table(RESULTS_SLOT, m, p.ldc, 40) : NULL;
    size_t a = extent(p.a_rows, m) + extent(p.a_ks, k) + (channels ? n : 0);
    float *x = guarded(A_SLOT, a ? a - 1 : 0, random_place()), *b = guarded(B_SLOT, k * n, random_place());
    for (size_t i = 0; i + 1 < a; i++) x[i] = NAN;
    for (size_t i = 0; i < m; i++)
        for (size_t q = 0; q < k; q++)
            for (size_t j = 0; j < (channels ? n : 1); j++) x[(size_t)(p.a_rows[i] + p.a_ks[q]) + j] = random_in(-1, 1);
    fill_random(b, k * n, -1, 1);
    p.a = x;
    p.b = b;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            c_of[i * n + j] = p.beta == 0.0f ? NAN : random_in(-1, 1);
            result_of[i * n + j] = in_order(&p, b, i, j, channels ? 1 : 0, c_of[i * n + j]);
        }
    for (int packed = 0; packed <= !channels; packed++) {
        if (packed) {
            float *to = guarded(PACKED_SLOT, nb_product_packed_length_f32(n, k), random_place());
            check(nb_product_pack_f32(&p, 0, p.n, to) == NB_OK, "pack [%zu,%zu]", n, k);
            p.b = to;
            p.b_form = NB_OPERAND_PACKED;
        }
        FOR_EACH_ISA(isa) {
            run_range(isa, &p, channels, 0, m, 0, n);
            size_t row = random_below(m + 1), column = random_below(n + 1);
            run_range(isa, &p, channels, row, random_below(m - row + 1), column, random_below(n - column + 1));
        }
    }
}

/* Every residue of the tiles, around the blocks of k and of rows, and where A is packed. */
static void test_shapes(void) {
    static const size_t counts[] = {0, 1, 2, 9, 25, 255, 256, 257, 600}, rows[] = {119, 120, 121, 257},
                        widths[] = {1, 16, 33, 100};
    for (size_t m = 0; m <= 17; m++)
        for (size_t n = 0; n <= 68; n += n < 34 ? 1 : 7)
            for (int channels = 0; channels <= 1; channels++) test_shape(m, n, random_below(12), channels);
    for (size_t i = 0; i < COUNT(counts); i++)
        for (size_t w = 0; w < COUNT(widths); w++)
            for (int channels = 0; channels <= 1; channels++) test_shape(1 + random_below(30), widths[w], counts[i], channels);
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t w = 0; w < COUNT(widths); w++) test_shape(rows[r], widths[w], 9, (int)(w % 2));
    for (size_t i = 0; i < 6; i++) test_shape(121 + i, 383 + i, 30 + 50 * i, 0);
}

/* What is not finite reaches the elements that read it, and no other. */
static void test_special_values(void) {
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-149f};
    static const int32_t rows[] = {0, 3, 6, 9, 30, 33, 36, 39, 60}, ks[] = {0, 1, 2, 30, 31, 32};
    static float x[100], b[6 * 20], c[9 * 20];
    fill_random(x, COUNT(x), -1, 1);
    fill_random(b, COUNT(b), -1, 1);
    for (size_t v = 0; v < COUNT(special); v++) {
        x[33] = special[v];
        nb_product p = {.m = 9,
                        .n = 20,
                        .k = 6,
                        .alpha = 1,
                        .a_form = NB_OPERAND_SCATTERED,
                        .a = x,
                        .b = b,
                        .ldb = 20,
                        .c = c,
                        .ldc = 20,
                        .a_rows = rows,
                        .a_ks = ks};
        FOR_EACH_ISA(isa) {
            check(nb_product_run_f32(&p, 0, 9, 0, 20, NULL) == NB_OK, "%s", isa_names[isa]);
            for (size_t i = 0; i < 9; i++)
                for (size_t j = 0; j < 20; j++) {
                    float expected = in_order(&p, b, i, j, 0, 0.0f), got = c[i * 20 + j];
                    check(same_bits(got, expected) || (is_nan((double)got) && is_nan((double)expected)),
                          "%s, %g: [%zu,%zu] is %g, not %g", isa_names[isa], (double)special[v], i, j, (double)got,
                          (double)expected);
                }
        }
        check(is_nan((double)a_at(&p, 1, 3)) == (v == 0), "the special value is where two rows read it");
    }
}

/* Refused, with C as it was. */
static void test_misfits(void) {
    static float x[600];
    static const int32_t offsets[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    const nb_product good = {.m = 5,
                             .n = 7,
                             .k = 6,
                             .alpha = 1,
                             .a_form = NB_OPERAND_SCATTERED,
                             .a = x,
                             .b = x + 100,
                             .ldb = 10,
                             .c = x + 200,
                             .ldc = 10,
                             .a_rows = offsets,
                             .a_ks = offsets};
    for (size_t i = 0; i < COUNT(x); i++) x[i] = 1.0f;
    nb_product p = good;
#define REFUSED(status, channels, change, ...)                                                                                   \
    p = good;                                                                                                                    \
    change;                                                                                                                      \
    check((channels ? nb_product_run_channels_f32(&p, __VA_ARGS__) : nb_product_run_f32(&p, __VA_ARGS__, NULL)) == status,       \
          #change " " #__VA_ARGS__);                                                                                             \
    check(x[200] == 1.0f, #change ": C was touched")
    for (int channels = 0; channels <= 1; channels++) {
        REFUSED(NB_ERROR_SHAPE, channels, p.a_rows = NULL, 0, 5, 0, 7);
        REFUSED(NB_ERROR_SHAPE, channels, p.a_ks = NULL, 0, 5, 0, 7);
        REFUSED(NB_ERROR_SHAPE, channels, p.ldb = 6, 0, 5, 0, 7);
        REFUSED(NB_ERROR_SHAPE, channels, p.ldc = 6, 0, 5, 0, 7);
        REFUSED(NB_ERROR_SHAPE, channels, (void)p, 0, 6, 0, 7);
        REFUSED(NB_ERROR_SHAPE, channels, (void)p, 0, 5, 1, 7);
        REFUSED(NB_ERROR_OVERLAP, channels, p.b = p.c, 0, 5, 0, 7);
        /* Tables belong to an A that is scattered. */
        REFUSED(NB_ERROR_SHAPE, channels, p.a_form = NB_OPERAND_PLAIN; p.lda = 10, 0, 5, 0, 7);
    }
    REFUSED(NB_ERROR_SHAPE, 0, p.a_form = NB_OPERAND_PLAIN; p.lda = 10; p.a_rows = p.a_ks = NULL; p.c_rows = offsets, 0, 5, 0, 7);
    REFUSED(NB_ERROR_SHAPE, 0, p.b_form = NB_OPERAND_SCATTERED, 0, 5, 0, 7);
    REFUSED(NB_ERROR_SHAPE, 1, p.b_form = NB_OPERAND_PACKED, 0, 5, 0, 7);
    REFUSED(NB_ERROR_SHAPE, 1, p.b_form = NB_OPERAND_TRANSPOSED, 0, 5, 0, 7);
#undef REFUSED
    p = good;
    check(nb_product_run_f32(&p, 0, 5, 0, 7, NULL) == NB_OK && x[200] == 6.0f, "what the refused ones are made of");
    check(nb_product_run_channels_f32(&p, 0, 5, 0, 7) == NB_OK && x[246] == 6.0f,
          "what the refused ones are made of, of channels");
}

int main(void) {
    test_shapes();
    test_special_values();
    test_misfits();
    return finish("patches");
}
