/* Sums, maxima and their gradient, and transpose. */
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

static void test_transpose(size_t rows, size_t cols, size_t gap_x, size_t gap_y) {
    size_t ldx = cols + gap_x, ldy = rows + gap_y;
    size_t nx = rows && cols ? (rows - 1) * ldx + cols : 0, ny = rows && cols ? (cols - 1) * ldy + rows : 0;
    float *x = guarded(0, nx, AT_END);
    fill_random(x, nx, -1, 1);
    FOR_EACH_ISA(isa) {
        float *y = guarded(1, ny, AT_END);
        for (size_t i = 0; i < ny; i++) y[i] = NAN;
        nb_transpose_f32(x, rows, cols, ldx, y, ldy);
        int ok = 1;
        for (size_t i = 0; i < ny; i++) {
            size_t c = i / ldy, r = i % ldy;
            ok &= r < rows ? same_bits(y[i], x[r * ldx + c]) : is_nan((double)y[i]);
        }
        check(ok, "transpose %s %zux%zu, strides %zu and %zu", isa_names[isa], rows, cols, ldx, ldy);
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
    }
    for (size_t r = 0; r < COUNT(sides); r++)
        for (size_t c = 0; c < COUNT(sides); c++)
            for (size_t gap = 0; gap < 4; gap++) {
                size_t gap_x = gap & 1 ? 5 : 0, gap_y = gap & 2 ? 3 : 0;
                if ((sides[r] + gap_y) * (sides[c] + gap_x) <= SLOT_FLOATS / 2) test_transpose(sides[r], sides[c], gap_x, gap_y);
            }
    return finish("reductions");
}
