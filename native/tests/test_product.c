/* Matrix products: every case against double precision within the bound of its sums, and against the order of summation that the header
 * promises, bit for bit. That order is one for all forms, levels and ranges, so one array of bits is what all of them are held against.
 */
#include <string.h>

#include "fused.h"
#include "harness.h"

enum { BLOCK = 256, PANEL = 32, A_SLOT = 0, B_SLOT, C_SLOT, WORKSPACE_SLOT, PACKED_SLOT, OTHER_SLOT };

/* op(A), the transpose of op(B), C before and after, each without gaps. */
static float a_of[SLOT_FLOATS], bt_of[SLOT_FLOATS], c_of[SLOT_FLOATS], result_of[SLOT_FLOATS];

typedef struct shape {
    size_t m, n, k;
    float alpha, beta;
} shape;

static size_t random_below(size_t n) { return random_bits() % n; }
static int random_place(void) { return random_bits() % 2 ? AT_START : AT_END; }
static size_t span(size_t rows, size_t length, size_t ld) { return rows && length ? (rows - 1) * ld + length : 0; }

/* One element as the header words it. */
static float in_order(shape s, const float *a, const float *b, float c) {
    for (size_t from = 0; from == 0 || from < s.k; from += BLOCK) {
        float sum = 0.0f, beta = from ? 1.0f : s.beta;
        for (size_t p = from; p < s.k && p < from + BLOCK; p++) sum = fused_multiply_add(a[p], b[p], sum);
        c = beta == 0.0f ? s.alpha * sum : fused_multiply_add(s.alpha, sum, beta * c);
    }
    return c;
}

static void check_exact(shape s, const float *a, const float *b, float c, float got) {
    const double ulp = 0x1p-24, alpha = (double)s.alpha, old = s.beta == 0.0f ? 0.0 : (double)s.beta * (double)c;
    double sum = 0.0, magnitude = 0.0;
    for (size_t p = 0; p < s.k; p++) {
        sum += (double)a[p] * (double)b[p];
        magnitude += fabs((double)a[p] * (double)b[p]);
    }
    double exact = alpha * sum + old, roundings = (double)((s.k < BLOCK ? s.k : BLOCK) + s.k / BLOCK + 3);
    double bound = ulp * roundings * (fabs(alpha) * magnitude + fabs(old)) + 0x1p-140;
    check(fabs((double)got - exact) <= bound, "[%zu,%zu,%zu] alpha %g beta %g: got %g, expected %g within %g", s.m, s.n, s.k,
          (double)s.alpha, (double)s.beta, (double)got, exact, bound);
}

/* Draws the matrices of a shape, a C that is not to be read full of NaN, and computes the result. */
static void draw(shape s) {
    fill_random(a_of, s.m * s.k, -1, 1);
    fill_random(bt_of, s.n * s.k, -1, 1);
    for (size_t i = 0; i < s.m * s.n; i++) c_of[i] = s.beta == 0.0f ? NAN : random_in(-1, 1);
    for (size_t i = 0; i < s.m; i++)
        for (size_t j = 0; j < s.n; j++) {
            const float *a = a_of + i * s.k, *b = bt_of + j * s.k;
            size_t at = i * s.n + j;
            result_of[at] = in_order(s, a, b, c_of[at]);
            check_exact(s, a, b, c_of[at], result_of[at]);
        }
}

/* x [rows, cols], or its transpose, between guards with NaN in the gaps. */
static float *lay_out(int slot, const float *x, size_t rows, size_t cols, int transpose, size_t ld) {
    size_t lines = transpose ? cols : rows, length = transpose ? rows : cols, n = span(lines, length, ld);
    float *y = guarded(slot, n, random_place());
    for (size_t i = 0; i < n; i++) y[i] = NAN;
    for (size_t l = 0; l < lines; l++)
        for (size_t i = 0; i < length; i++) y[l * ld + i] = transpose ? x[i * cols + l] : x[l * cols + i];
    return y;
}

/* Mostly a small gap; sometimes a stride that is hard on the caches, for which the product packs sooner. */
static size_t stride(size_t lines, size_t length) {
    if (random_below(5) == 0 && length <= 1024 && lines * 1024 <= SLOT_FLOATS) return 1024;
    return length + random_below(4);
}

static nb_product make(shape s, nb_operand a_form, nb_operand b_form) {
    nb_product p = {.m = s.m, .n = s.n, .k = s.k, .alpha = s.alpha, .beta = s.beta, .a_form = a_form, .b_form = b_form};
    const int ta = a_form == NB_OPERAND_TRANSPOSED, tb = b_form == NB_OPERAND_TRANSPOSED;
    p.lda = ta ? stride(s.k, s.m) : stride(s.m, s.k);
    p.ldb = tb ? stride(s.n, s.k) : stride(s.k, s.n);
    p.ldc = stride(s.m, s.n);
    p.a = lay_out(A_SLOT, a_of, s.m, s.k, ta, p.lda);
    p.b = lay_out(B_SLOT, bt_of, s.n, s.k, !tb, p.ldb);
    if (b_form == NB_OPERAND_PACKED) {
        nb_product plain = p;
        plain.b_form = NB_OPERAND_PLAIN;
        float *packed = guarded(PACKED_SLOT, nb_product_packed_length_f32(s.n, s.k), random_place());
        check(nb_product_pack_f32(&plain, 0, s.n, packed) == NB_OK, "pack [%zu,%zu]", s.n, s.k);
        p.b = packed;
        p.ldb = 0;
    }
    return p;
}

static size_t mismatches(const nb_product *p, size_t row, size_t rows, size_t column, size_t columns) {
    size_t count = 0;
    for (size_t i = 0; p->n && i < p->m; i++) {
        const float *c = p->c + i * p->ldc;
        for (size_t j = 0; j < p->n; j++) {
            int inside = i >= row && i - row < rows && j >= column && j - column < columns;
            float expected = inside ? result_of[i * p->n + j] : c_of[i * p->n + j];
            count += !same_bits(c[j], expected) && !(is_nan((double)c[j]) && is_nan((double)expected));
        }
        for (size_t j = p->n; i + 1 < p->m && j < p->ldc; j++) count += !is_nan((double)c[j]);
    }
    return count;
}

/* A range into a fresh C. The workspace is as long as asked for and has no number in it. */
static void run_range(nb_isa isa, nb_product *p, size_t row, size_t rows, size_t column, size_t columns) {
    p->c = lay_out(C_SLOT, c_of, p->m, p->n, 0, p->ldc);
    size_t length = nb_product_workspace_f32(p);
    float *workspace = guarded(WORKSPACE_SLOT, length, random_place());
    for (size_t i = 0; i < length; i++) workspace[i] = NAN;
    nb_status status = nb_product_run_f32(p, row, rows, column, columns, workspace);
    size_t wrong = status == NB_OK ? mismatches(p, row, rows, column, columns) : 0;
    check(status == NB_OK && wrong == 0,
          "%s forms %d %d [%zu,%zu,%zu] ld %zu %zu %zu alpha %g beta %g, rows %zu+%zu columns %zu+%zu: status %d, %zu wrong",
          isa_names[isa], (int)p->a_form, (int)p->b_form, p->m, p->n, p->k, p->lda, p->ldb, p->ldc, (double)p->alpha, (double)p->beta,
          row, rows, column, columns, (int)status, wrong);
}

static const float scales[][2] = {{1, 0}, {1, 1}, {-0.01f, 0.9995f}, {-0.01f, 1}, {0, 0}, {0, 1}, {2.5f, -0.5f}, {1, 0}, {-1, 0}};

/* All forms on all levels: the whole, and some ranges that start and end anywhere. */
static void test_shape(size_t m, size_t n, size_t k, int ranges) {
    const float *scale = scales[random_below(COUNT(scales))];
    shape s = {m, n, k, scale[0], scale[1]};
    draw(s);
    for (nb_operand a_form = NB_OPERAND_PLAIN; a_form <= NB_OPERAND_TRANSPOSED; a_form = (nb_operand)(a_form + 1))
        for (nb_operand b_form = NB_OPERAND_PLAIN; b_form <= NB_OPERAND_PACKED; b_form = (nb_operand)(b_form + 1)) {
            nb_product p = make(s, a_form, b_form);
            FOR_EACH_ISA(isa) {
                run_range(isa, &p, 0, m, 0, n);
                for (int i = 0; i < ranges; i++) {
                    size_t row = random_below(m + 1), column = random_below(n + 1);
                    run_range(isa, &p, row, random_below(m - row + 1), column, random_below(n - column + 1));
                }
            }
        }
}

/* Every residue of the tiles (4, 6 or 8 rows; 2, 16 or 32 columns), of the panels of 8 and 32, and of the 8 and 16 that packing
 * transposes at a time. */
static void test_tiles(void) {
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 25};
    for (size_t m = 0; m <= 17; m++)
        for (size_t n = 0; n <= 66; n += n < 34 ? 1 : 5)
            for (size_t i = 0; i < COUNT(counts); i++)
                if (m < 3 || n < 34 || counts[i] < 10) test_shape(m, n, counts[i], 2);
}

/* Around the blocks of k, of rows and of columns (which follow from the cache: 128 to 2048), and where packing begins. */
static void test_blocks(void) {
    static const size_t counts[] = {0, 255, 256, 257, 263, 264, 511, 512, 513, 768, 770};
    static const size_t rows[] = {119, 120, 121, 127, 128, 239, 240, 241, 255, 256, 257, 361};
    static const size_t some[] = {1, 7, 8, 9}, widths[] = {1, 31, 32, 33, 96};
    for (size_t i = 0; i < COUNT(counts); i++)
        for (size_t r = 0; r < COUNT(some); r++)
            for (size_t w = 0; w < COUNT(widths); w++) test_shape(some[r], widths[w], counts[i], 1);
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t w = 0; w < COUNT(widths); w++) test_shape(rows[r], widths[w], w == 1 ? 300 : 9, 2);
    for (size_t n = 384; n <= 2048; n += 128)
        for (size_t w = n - 1; w <= n + 1; w++) test_shape(1 + w % 17, w, 5, 1);
    test_shape(121, 385, 257, 2);
    test_shape(17, 387, 513, 2);
    test_shape(257, 129, 300, 2);
}

static void test_random_shapes(void) {
    for (int i = 0; i < 400; i++)
        test_shape(1 + random_below(40), 1 + random_below(150), 1 + random_below(i % 5 ? 60 : 600), 4);
}

/* Packing: the definition, and one image on every level. */
static void test_packing(size_t n, size_t k) {
    shape s = {1, n, k, 1, 0};
    fill_random(bt_of, n * k, -1, 1);
    size_t length = nb_product_packed_length_f32(n, k), width = (n + PANEL - 1) / PANEL * PANEL;
    check(length == width * k, "packed length of [%zu,%zu] is %zu", k, n, length);
    for (int tb = 0; tb <= 1; tb++) {
        nb_product p = make(s, NB_OPERAND_PLAIN, tb ? NB_OPERAND_TRANSPOSED : NB_OPERAND_PLAIN);
        FOR_EACH_ISA(isa) {
            float *packed = guarded(PACKED_SLOT, length, random_place());
            /* In two parts, the later one first. */
            size_t at = 0, half = n / (2 * PANEL) * PANEL, wrong = nb_product_pack_f32(&p, half, n - half, packed) != NB_OK;
            wrong += nb_product_pack_f32(&p, 0, half, packed) != NB_OK;
            for (size_t from = 0; from < k; from += BLOCK)
                for (size_t j = 0; j < width; j += PANEL)
                    for (size_t q = from; q < k && q < from + BLOCK; q++)
                        for (size_t i = j; i < j + PANEL; i++, at++) wrong += !same_bits(packed[at], i < n ? bt_of[i * k + q] : 0.0f);
            check(wrong == 0 && at == length, "pack %s [%zu,%zu] form %d: %zu wrong", isa_names[isa], k, n, tb, wrong);
        }
    }
}

/* What is not finite reaches the elements that it belongs to, and no other. */
static void test_special_values(void) {
    static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-149f, 3e38f};
    for (size_t v = 0; v < COUNT(special); v++) {
        shape s = {13, 45, 19, 1.5f, v % 2 ? 0.5f : 0.0f};
        draw(s);
        a_of[5 * s.k + 7] = special[v];
        bt_of[40 * s.k + 11] = special[v];
        for (size_t at = 0; at < s.m * s.n; at++)
            result_of[at] = in_order(s, a_of + at / s.n * s.k, bt_of + at % s.n * s.k, c_of[at]);
        for (int form = 0; form < 6; form++) {
            nb_product p = make(s, (nb_operand)(form / 3), (nb_operand)(form % 3));
            FOR_EACH_ISA(isa) run_range(isa, &p, 0, s.m, 0, s.n);
        }
    }
}

/* Refused, on every level, with C as it was. */
static void refuse(const char *what, nb_status expected, nb_product p, size_t row, size_t rows, size_t column, size_t columns) {
    static float before[200];
    memcpy(before, p.c, sizeof before);
    FOR_EACH_ISA(isa) {
        nb_status status = nb_product_run_f32(&p, row, rows, column, columns, NULL);
        check(status == expected, "%s, %s: status %d", what, isa_names[isa], (int)status);
        check(!memcmp(before, p.c, sizeof before), "%s, %s: C was touched", what, isa_names[isa]);
    }
}

/* m = 5, k = 6, n = 7 of matrices at distances of 10. */
static nb_product small(float *x) {
    return (nb_product){.m = 5, .n = 7, .k = 6, .alpha = 1, .a = x, .lda = 10, .b = x + 100, .ldb = 10, .c = x + 200, .ldc = 10};
}

static void test_misfits(void) {
    static float x[600];
    const nb_product good = small(x);
    nb_product p = good;
    check(nb_product_run_f32(&p, 0, 5, 0, 7, NULL) == NB_OK, "what the refused ones are made of");
#define REFUSED(change, ...)                                                                                                     \
    p = good;                                                                                                                    \
    change;                                                                                                                      \
    refuse(#change " " #__VA_ARGS__, NB_ERROR_SHAPE, p, __VA_ARGS__)
    REFUSED(p.lda = 5, 0, 5, 0, 7);
    REFUSED(p.ldb = 6, 0, 5, 0, 7);
    REFUSED(p.ldc = 6, 0, 5, 0, 7);
    REFUSED(p.a_form = NB_OPERAND_TRANSPOSED; p.lda = 4, 0, 5, 0, 7);
    REFUSED(p.b_form = NB_OPERAND_TRANSPOSED; p.ldb = 5, 0, 5, 0, 7);
    REFUSED(p.a_form = NB_OPERAND_PACKED, 0, 5, 0, 7);
    REFUSED(p.a_form = (nb_operand)4, 0, 5, 0, 7);
    REFUSED(p.b_form = (nb_operand)3, 0, 5, 0, 7);
    REFUSED((void)p, 6, 0, 0, 7);
    REFUSED((void)p, 0, 6, 0, 7);
    REFUSED((void)p, 3, 3, 0, 7);
    REFUSED((void)p, 0, 5, 8, 0);
    REFUSED((void)p, 0, 5, 0, 8);
    REFUSED((void)p, 0, 5, 4, 4);
    REFUSED((void)p, 1, SIZE_MAX, 0, 7);
    REFUSED((void)p, SIZE_MAX, 2, 0, 7);
    REFUSED((void)p, 0, 5, 1, SIZE_MAX);
    REFUSED((void)p, 0, 5, SIZE_MAX, 2);
    /* Sizes that no memory holds: their extent in floats or in bytes wraps around to a small one. */
    REFUSED(p.lda = SIZE_MAX, 0, 0, 0, 0);
    REFUSED(p.ldb = SIZE_MAX / 5 + 1, 0, 5, 0, 7);
    REFUSED(p.ldc = SIZE_MAX / 4 + 1, 0, 5, 0, 7);
    REFUSED(p.lda = SIZE_MAX / 16 + 1, 0, 5, 0, 7);
    REFUSED(p.m = SIZE_MAX / 8, 0, 5, 0, 7);
    REFUSED(p.k = p.lda = SIZE_MAX / 2, 0, 5, 0, 7);
    REFUSED(p.n = p.ldb = p.ldc = SIZE_MAX, 0, 5, 0, 7);
    REFUSED(p.b_form = NB_OPERAND_PACKED; p.m = 1; p.n = p.ldc = SIZE_MAX / 8, 0, 1, 0, 7);
#undef REFUSED
    p = good;
    p.n = 11; /* wider than its stride; and wider than memory */
    check(nb_product_pack_f32(&p, 0, p.n, x + 300) == NB_ERROR_SHAPE, "packing a B that does not fit its stride");
    p.b_form = NB_OPERAND_PACKED;
    check(nb_product_pack_f32(&p, 0, p.n, x + 300) == NB_ERROR_SHAPE, "packing what is packed");
    p.b_form = NB_OPERAND_PLAIN;
    check(nb_product_pack_f32(&p, 1, 1, x + 300) == NB_ERROR_SHAPE, "packing from the middle of a panel");
    check(nb_product_pack_f32(&p, 0, p.n + 1, x + 300) == NB_ERROR_SHAPE, "packing more columns than there are");
    check(nb_product_pack_f32(&p, 32, 1, x + 300) == NB_ERROR_SHAPE, "packing from beyond the columns");
    check(nb_product_pack_f32(&p, 0, p.n - 1, x + 300) == NB_ERROR_SHAPE, "packing up to the middle of a panel");
    p.b_form = NB_OPERAND_PACKED;
    p.b_form = NB_OPERAND_PLAIN;
    p.ldb = SIZE_MAX / 4;
    check(nb_product_pack_f32(&p, 0, p.n, x + 300) == NB_ERROR_SHAPE, "packing what no memory holds");
    check(x[300] == 0.0f, "packing that is refused writes nothing");
}

static void test_aliasing(void) {
    static float x[1000];
    const nb_product good = small(x);
    const size_t a = span(5, 6, 10), b = span(6, 7, 10), c = span(5, 7, 10);
    nb_product p = good;
#define REFUSED(change)                                                                                                          \
    p = good;                                                                                                                    \
    change;                                                                                                                      \
    refuse(#change, NB_ERROR_OVERLAP, p, 0, 5, 0, 7);                                                                            \
    refuse(#change ", a part", NB_ERROR_OVERLAP, p, 1, 1, 2, 1)
    REFUSED(p.a = p.c);
    REFUSED(p.b = p.c);
    REFUSED(p.a = p.c + c - 1);
    REFUSED(p.b = p.c + c - 1);
    REFUSED(p.a = p.c - a + 1);
    REFUSED(p.b = p.c - b + 1);
    REFUSED(p.b_form = NB_OPERAND_PACKED; p.b = p.c - nb_product_packed_length_f32(7, 6) + 1);
#undef REFUSED
#define ALLOWED(change)                                                                                                          \
    p = good;                                                                                                                    \
    change;                                                                                                                      \
    check(nb_product_run_f32(&p, 0, 5, 0, 7, NULL) == NB_OK, #change)
    ALLOWED(p.a = p.c + c);
    ALLOWED(p.b = p.c + c);
    ALLOWED(p.a = p.c - a);
    ALLOWED(p.b = p.c - b);
    ALLOWED(p.b = p.a);
    ALLOWED(p.b_form = NB_OPERAND_PACKED; p.b = p.c - nb_product_packed_length_f32(7, 6));
    ALLOWED(p.k = 0; p.a = p.b = p.c);
#undef ALLOWED
}

int main(void) {
    static const size_t extents[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
    static const size_t counts[] = {0, 1, 5, 8, 255, 256, 257, 513};
    test_tiles();
    test_blocks();
    test_random_shapes();
    for (size_t n = 0; n < COUNT(extents); n++)
        for (size_t k = 0; k < COUNT(counts); k++) test_packing(extents[n], counts[k]);
    test_special_values();
    test_misfits();
    test_aliasing();
    return finish("product");
}
