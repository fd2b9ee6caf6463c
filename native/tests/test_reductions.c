/* Sums, maxima and their gradient, fill and transpose. */
#include <string.h>

#include "harness.h"

static const size_t outers[] = {0, 1, 3}, counts[] = {0, 1, 2, 5, 17}, inners[] = {1, 2, 7, 8, 9, 10, 16, 17, 33, 64, 65, 130};

static double exact_sum(const float *x, size_t count, size_t ld, double *magnitude) {
    double sum = 0.0;
    *magnitude = 0.0;
    for (size_t r = 0; r < count; r++) {
        sum += (double)x[r * ld];
        *magnitude += fabs((double)x[r * ld]);
    }
    return sum;
}

static float exact_max(const float *x, size_t count, size_t ld) {
    float max = -INFINITY;
    for (size_t r = 0; r < count; r++)
        if (is_nan((double)x[r * ld]) || x[r * ld] > max) {
            max = x[r * ld];
            if (is_nan((double)max)) break;
        }
    return max;
}

/* Few distinct values make ties; the odd NaN must win. */
static void fill_ties(float *x, size_t n, int with_nan) {
    for (size_t i = 0; i < n; i++) x[i] = floorf(random_in(-3, 3));
    for (size_t i = 0; with_nan && i < n; i++)
        if (random_bits() % 11 == 0) x[i] = NAN;
}

static void test_sum(size_t outer, size_t count, size_t inner, size_t ld) {
    size_t n = outer && count ? (outer * count - 1) * ld + inner : 0;
    float *x = guarded(0, n, AT_END);
    fill_random(x, n, -1, 2);
    FOR_EACH_ISA(isa) {
        float *y = guarded(1, outer * inner, AT_END);
        nb_sum_f32(x, outer, count, inner, ld, y);
        for (size_t o = 0; o < outer; o++)
            for (size_t i = 0; i < inner; i++) {
                double magnitude, exact = exact_sum(x + o * count * ld + i, count, ld, &magnitude);
                check(close_to(y[o * inner + i], exact, 1e-6, magnitude), "sum %s [%zu,%zu,%zu] ld %zu: got %g, expected %g",
                      isa_names[isa], outer, count, inner, ld, (double)y[o * inner + i], exact);
            }
    }
}

static void test_max(size_t outer, size_t count, size_t inner, size_t ld, int with_nan) {
    size_t n = outer ? (outer * count - 1) * ld + inner : 0;
    float *x = guarded(0, n, AT_END);
    fill_ties(x, n, with_nan);
    FOR_EACH_ISA(isa) {
        float *y = guarded(1, outer * inner, AT_END);
        nb_max_f32(x, outer, count, inner, ld, y);
        for (size_t o = 0; o < outer; o++)
            for (size_t i = 0; i < inner; i++) {
                float exact = exact_max(x + o * count * ld + i, count, ld), got = y[o * inner + i];
                check(is_nan((double)exact) ? is_nan((double)got) : got == exact,
                      "max %s [%zu,%zu,%zu] ld %zu: got %g, expected %g", isa_names[isa], outer, count, inner, ld, (double)got,
                      (double)exact);
            }
        if (ld != inner) continue;
        float *dy = guarded(2, outer * inner, AT_END), *dx = guarded(3, n, AT_END);
        fill_random(dy, outer * inner, 1, 2);
        nb_max_backward_f32(dy, x, y, outer, count, inner, dx);
        for (size_t o = 0; o < outer; o++)
            for (size_t i = 0; i < inner; i++) {
                int spent = 0;
                for (size_t r = 0; r < count; r++) {
                    size_t at = (o * count + r) * inner + i;
                    float max = y[o * inner + i];
                    int here = !spent && (x[at] == max || (is_nan((double)x[at]) && is_nan((double)max)));
                    spent |= here;
                    check(dx[at] == (here ? dy[o * inner + i] : 0.0f), "max backward %s [%zu,%zu,%zu] at (%zu,%zu,%zu): got %g",
                          isa_names[isa], outer, count, inner, o, r, i, (double)dx[at]);
                }
            }
    }
}

static void test_fill(size_t n) {
    FOR_EACH_ISA(isa) {
        float *y = guarded(1, n, n % 2 ? AT_START : AT_END);
        nb_fill_f32(-0.0f, n, y);
        for (size_t i = 0; i < n; i++) check(same_bits(y[i], -0.0f), "fill %s n=%zu at %zu", isa_names[isa], n, i);
    }
}

static void test_transpose(size_t rows, size_t cols) {
    size_t n = rows * cols;
    float *x = guarded(0, n, AT_END);
    fill_random(x, n, -1, 1);
    FOR_EACH_ISA(isa) {
        float *y = guarded(1, n, AT_END);
        nb_transpose_f32(x, rows, cols, y);
        int ok = 1;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++) ok &= same_bits(y[c * rows + r], x[r * cols + c]);
        check(ok, "transpose %s %zux%zu", isa_names[isa], rows, cols);
    }
}

int main(void) {
    static const size_t sides[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 64, 100, 130, 257};
    for (size_t o = 0; o < COUNT(outers); o++)
        for (size_t c = 0; c < COUNT(counts); c++)
            for (size_t i = 0; i < COUNT(inners); i++)
                for (size_t gap = 0; gap <= 3; gap += 3) {
                    test_sum(outers[o], counts[c], inners[i], inners[i] + gap);
                    if (counts[c] == 0) continue;
                    test_max(outers[o], counts[c], inners[i], inners[i] + gap, 0);
                    test_max(outers[o], counts[c], inners[i], inners[i] + gap, 1);
                }
    for (size_t n = 0; n <= 257; n++) {
        test_sum(1, n, 1, 1);
        if (n) test_max(2, n, 1, 1, n % 2 == 0);
        test_fill(n);
    }
    for (size_t r = 0; r < COUNT(sides); r++)
        for (size_t c = 0; c < COUNT(sides); c++)
            if (sides[r] * sides[c] <= SLOT_FLOATS) test_transpose(sides[r], sides[c]);
    return finish("reductions");
}
