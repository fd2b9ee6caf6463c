/* Moments, normalisation by the channel and its gradient, against double precision. */
#include "harness.h"

enum { BLOCK = 128, MOST_BLOCKS = 9 };
static float parts[MOST_BLOCKS * 3 * 70];

static void moments(const float *x, size_t rows, size_t cols, float *y) {
    size_t blocks = 0;
    for (size_t r = 0; r < rows; r += BLOCK)
        nb_moments_f32(x + r * cols, rows - r < BLOCK ? rows - r : BLOCK, cols, cols, parts + blocks++ * 3 * cols);
    nb_join_moments_f32(parts, blocks, BLOCK, rows - (blocks - 1) * BLOCK, cols, y);
}

static double mean_of(const float *x, size_t rows, size_t cols) {
    double sum = 0;
    for (size_t r = 0; r < rows; r++) sum += (double)x[r * cols];
    return sum / (double)rows;
}

static double variance_of(const float *x, size_t rows, size_t cols) {
    double sum = 0, mean = mean_of(x, rows, cols);
    for (size_t r = 0; r < rows; r++) sum += ((double)x[r * cols] - mean) * ((double)x[r * cols] - mean);
    return sum / (double)rows;
}

/* Values around a mean that the deviations are small against, and a first block that is not like the others. */
static void test_moments(size_t rows, size_t cols, float mean, int outlier) {
    const double ulp = 0x1p-24, blocks = (double)((rows + BLOCK - 1) / BLOCK);
    float *x = guarded(0, rows * cols, AT_END);
    for (size_t i = 0; i < rows * cols; i++) x[i] = mean + random_in(-1.7f, 1.7f);
    if (outlier)
        for (size_t i = 0; i < cols; i++) x[i] = 1e6f;
    FOR_EACH_ISA(isa) {
        float *y = guarded(1, 2 * cols, AT_END);
        moments(x, rows, cols, y);
        for (size_t c = 0; c < cols; c++) {
            const double m = mean_of(x + c, rows, cols), v = variance_of(x + c, rows, cols);
            const double of_mean = ulp * (fabs(m) + (blocks + 8) * sqrt(v * blocks)), of_v = ulp * (blocks + BLOCK / 2 + 8) * v;
            check(fabs((double)y[c] - m) <= of_mean, "mean %s [%zu,%zu] around %g: got %.9g, expected %.9g", isa_names[isa], rows,
                  cols, (double)mean, (double)y[c], m);
            check(fabs((double)y[cols + c] - v) <= of_v, "variance %s [%zu,%zu] around %g: got %.9g, expected %.9g",
                  isa_names[isa], rows, cols, (double)mean, (double)y[cols + c], v);
        }
    }
}

/* One column of numbers that are all the same, and one with a NaN in it. */
static void test_degenerate(void) {
    enum { ROWS = 300, COLS = 2 };
    static float x[ROWS * COLS];
    for (size_t r = 0; r < ROWS; r++) {
        x[r * COLS] = 0.1f;
        x[r * COLS + 1] = r == 170 ? NAN : 1.0f;
    }
    FOR_EACH_ISA(isa) {
        float y[2 * COLS];
        moments(x, ROWS, COLS, y);
        check(fabs((double)y[0] - (double)0.1f) <= 0x1p-27 && y[COLS] >= 0.0f && (double)y[COLS] < 1e-17,
              "moments %s of equal numbers: got %a and %g", isa_names[isa], (double)y[0], (double)y[COLS]);
        check(is_nan((double)y[1]) && is_nan((double)y[COLS + 1]), "moments %s lost a NaN", isa_names[isa]);
    }
}

static void test_normalize(size_t rows, size_t cols, int rectifies) {
    const float epsilon = 1e-3f;
    const size_t n = rows * cols;
    float *x = guarded(0, n, AT_END), *dy = guarded(1, n, AT_END), *of_channel = guarded(2, 4 * cols, AT_END);
    float *mean = of_channel, *variance = mean + cols, *w = variance + cols, *b = w + cols;
    fill_random(x, n, -2, 3);
    fill_random(dy, n, -1, 1);
    fill_random(mean, cols, -1, 1);
    fill_random(variance, cols, 0.1f, 3);
    fill_random(w, 2 * cols, -2, 2);
    FOR_EACH_ISA(isa) {
        float *y = guarded(3, n, AT_END), *s = guarded(4, 2 * cols, AT_END), *dx = guarded(5, n, AT_END);
        nb_normalize_f32(x, mean, variance, w, b, rows, cols, epsilon, rectifies, y);
        nb_normalize_sums_f32(dy, x, mean, variance, rectifies ? w : NULL, rectifies ? b : NULL, rows, cols, cols, epsilon,
                              rectifies, s);
        nb_normalize_backward_f32(dy, x, mean, variance, w, rectifies ? b : NULL, s, rows, cols, (float)rows, epsilon, rectifies,
                                  dx);
        for (size_t c = 0; c < cols; c++) {
            const double inverse = 1 / sqrt((double)variance[c] + (double)epsilon), count = (double)rows;
            double sum = 0, product = 0, size = 0, size_of_product = 0;
            for (size_t r = 0; r < rows; r++) {
                const size_t at = r * cols + c;
                const double h = ((double)x[at] - (double)mean[c]) * inverse, z = h * (double)w[c] + (double)b[c];
                const double g = rectifies && !(y[at] > 0.0f) ? 0 : (double)dy[at];
                check(close_to(y[at], rectifies && z < 0 ? 0 : z, 4e-7,
                               fabs(z) + fabs((double)b[c]) + fabs((double)mean[c] * inverse)),
                      "normalize %s [%zu,%zu]: got %g, expected %g", isa_names[isa], rows, cols, (double)y[at], z);
                sum += g;
                product += g * h;
                size += fabs(g);
                size_of_product += fabs(g * h);
            }
            check(close_to(s[c], sum, 1e-6, size) && close_to(s[cols + c], product, 1e-6, size_of_product + size),
                  "normalize sums %s [%zu,%zu]: got %g and %g, expected %g and %g", isa_names[isa], rows, cols, (double)s[c],
                  (double)s[cols + c], sum, product);
            for (size_t r = 0; r < rows; r++) {
                const size_t at = r * cols + c;
                const double h = ((double)x[at] - (double)mean[c]) * inverse,
                             g = rectifies && !(y[at] > 0.0f) ? 0 : (double)dy[at];
                const double d = (double)w[c] * inverse * (g - (double)s[c] / count - h * (double)s[cols + c] / count);
                check(close_to(dx[at], d, 1e-6,
                               fabs((double)w[c]) * inverse * (fabs(g) + fabs((double)s[c]) + fabs(h * (double)s[cols + c]))),
                      "normalize backward %s [%zu,%zu]: got %g, expected %g", isa_names[isa], rows, cols, (double)dx[at], d);
            }
        }
    }
}

int main(void) {
    static const size_t rows[] = {1, 2, 3, 127, 128, 129, 257, 1100}, cols[] = {1, 3, 8, 15, 16, 17, 32, 33, 50, 70};
    for (size_t r = 0; r < COUNT(rows); r++)
        for (size_t c = 0; c < COUNT(cols); c++) {
            test_moments(rows[r], cols[c], 0, 0);
            test_moments(rows[r], cols[c], 1e4f, 0);
            test_moments(rows[r], cols[c], -3e-3f, 1);
            if (rows[r] <= 129) test_normalize(rows[r], cols[c], 0);
            if (rows[r] <= 129) test_normalize(rows[r], cols[c], 1);
        }
    test_normalize(5, 600, 0); /* more columns than are taken at a time */
    test_normalize(5, 600, 1);
    test_degenerate();
    return finish("norms");
}
