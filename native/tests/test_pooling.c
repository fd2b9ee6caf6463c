/* Pooling against plain loops over every pixel, in and out of the image. */
#include "harness.h"

static const char *name;

/* Whether pixel (i, j) of an image lies in the window of result (r, o). */
static int is_in(const nb_pool *p, size_t r, size_t o, size_t i, size_t j) {
    const size_t h = i + p->pad_height, w = j + p->pad_width;
    return h >= r * p->stride_height && h < r * p->stride_height + p->kernel_height && w >= o * p->stride_width &&
           w < o * p->stride_width + p->kernel_width;
}

static size_t pixel(const nb_pool *p, size_t n, size_t i, size_t j, size_t c) {
    return ((n * p->height + i) * p->width + j) * p->channels + c;
}

static size_t result(const nb_pool *p, size_t n, size_t r, size_t o, size_t c) {
    return ((n * p->out_height + r) * p->out_width + o) * p->channels + c;
}

#define EACH(i, count) for (size_t i = 0; i < (count); i++)

/* The first largest element of a window, as an index into x; the first NaN, if there is one. */
static size_t largest(const nb_pool *p, const float *x, size_t n, size_t r, size_t o, size_t c) {
    size_t best = SIZE_MAX;
    EACH(i, p->height)
    EACH(j, p->width) {
        const size_t at = pixel(p, n, i, j, c);
        if (is_in(p, r, o, i, j) && (best == SIZE_MAX || x[at] > x[best] || (is_nan((double)x[at]) && !is_nan((double)x[best]))))
            best = at;
    }
    return best;
}

static void test_max(const nb_pool *p, size_t images, size_t split, int kind) {
    const size_t from = images * p->height * p->width * p->channels, to = images * p->out_height * p->out_width * p->channels;
    const size_t rows = images * p->out_height, cut = rows * split / 3, some = images * split / 3;
    float *x = guarded(0, from, AT_END), *dy = guarded(1, to, AT_END), *expected = guarded(2, from, AT_END);
    EACH(k, from) x[k] = kind && random_bits() % 7 == 0 ? (random_bits() % 2 ? NAN : -INFINITY) : floorf(random_in(-3, 3));
    EACH(k, to) dy[k] = (float)(1 + k % 64); /* whole numbers, whose sums are exact */
    EACH(k, from) expected[k] = 0;
    FOR_EACH_ISA(isa) {
        float *y = guarded(3, to, AT_END), *dx = guarded(4, from, AT_END);
        nb_max_pool_f32(x, p, cut, rows - cut, y);
        nb_max_pool_f32(x, p, 0, cut, y);
        const size_t pixels = some * p->height * p->width * p->channels,
                     results = some * p->out_height * p->out_width * p->channels;
        nb_max_pool_backward_f32(dy + results, x + pixels, y + results, p, images - some, dx + pixels);
        nb_max_pool_backward_f32(dy, x, y, p, some, dx);
        int ok = 1;
        EACH(n, images) EACH(r, p->out_height) EACH(o, p->out_width) EACH(c, p->channels) {
            const size_t at = largest(p, x, n, r, o, c), to_at = result(p, n, r, o, c);
            ok &= is_nan((double)x[at]) ? is_nan((double)y[to_at]) : y[to_at] == x[at];
            if (isa == NB_ISA_SCALAR) expected[at] += dy[to_at];
        }
        check(ok, "max pool %s %s, %zu channels, kind %d", name, isa_names[isa], p->channels, kind);
        size_t wrong = 0;
        while (wrong < from && dx[wrong] == expected[wrong]) wrong++;
        check(wrong == from, "max pool backward %s %s, %zu channels, kind %d: element %zu", name, isa_names[isa], p->channels,
              kind, wrong);
    }
}

static void test_sum(const nb_pool *p, size_t images, size_t split) {
    const size_t from = images * p->height * p->width * p->channels, to = images * p->out_height * p->out_width * p->channels;
    const size_t rows = images * p->out_height, cut = rows * split / 3, back = images * p->height, back_cut = back * split / 3;
    float *x = guarded(0, from, AT_END), *dy = guarded(1, to, AT_END);
    EACH(k, from) x[k] = floorf(random_in(-9, 9)); /* whole numbers, whose sums are exact */
    EACH(k, to) dy[k] = floorf(random_in(-9, 9));
    FOR_EACH_ISA(isa) {
        float *y = guarded(3, to, AT_END), *dx = guarded(4, from, AT_END);
        nb_sum_pool_f32(x, p, cut, rows - cut, 0.25f, y);
        nb_sum_pool_f32(x, p, 0, cut, 0.25f, y);
        nb_sum_pool_backward_f32(dy, p, back_cut, back - back_cut, 0.25f, dx);
        nb_sum_pool_backward_f32(dy, p, 0, back_cut, 0.25f, dx);
        int forward = 1, backward = 1;
        EACH(n, images) EACH(c, p->channels) {
            EACH(r, p->out_height) EACH(o, p->out_width) {
                float sum = 0;
                EACH(i, p->height) EACH(j, p->width) if (is_in(p, r, o, i, j)) sum += x[pixel(p, n, i, j, c)];
                forward &= y[result(p, n, r, o, c)] == 0.25f * sum;
            }
            EACH(i, p->height) EACH(j, p->width) {
                float sum = 0;
                EACH(r, p->out_height) EACH(o, p->out_width) if (is_in(p, r, o, i, j)) sum += dy[result(p, n, r, o, c)];
                backward &= dx[pixel(p, n, i, j, c)] == 0.25f * sum;
            }
        }
        check(forward, "sum pool %s %s, %zu channels", name, isa_names[isa], p->channels);
        check(backward, "sum pool backward %s %s, %zu channels", name, isa_names[isa], p->channels);
    }
}

int main(void) {
    static const struct {
        const char *name;
        nb_pool p;
    } pools[] = {
        /* height, width, channels, out, out, kernel, kernel, stride, stride, pad, pad */
        {"touching", {4, 6, 0, 2, 3, 2, 2, 2, 2, 0, 0}},
        {"with a rest", {5, 7, 0, 2, 3, 2, 2, 2, 2, 0, 0}},
        {"with a rest of each row", {4, 7, 0, 2, 3, 2, 2, 2, 2, 0, 0}},
        {"with a rest of rows", {5, 6, 0, 2, 3, 2, 2, 2, 2, 0, 0}},
        {"overlapping", {5, 6, 0, 3, 4, 3, 3, 2, 1, 1, 0}},
        {"padded", {3, 4, 0, 2, 5, 2, 4, 2, 1, 1, 2}},
        {"apart", {5, 7, 0, 2, 2, 1, 2, 3, 4, 0, 0}},
        {"of one pixel", {1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0}},
        {"of all", {3, 5, 0, 1, 1, 3, 5, 1, 1, 0, 0}},
        {"of a line", {1, 9, 0, 1, 5, 1, 3, 1, 2, 0, 1}},
        {"none", {4, 4, 0, 2, 2, 2, 2, 2, 2, 0, 0}},
    };
    static const size_t channels[] = {1, 3, 6, 8, 15, 16, 17, 33};
    EACH(k, COUNT(pools)) EACH(c, COUNT(channels)) EACH(split, 4) {
        nb_pool p = pools[k].p;
        p.channels = channels[c];
        name = pools[k].name;
        const size_t images = k + 1 < COUNT(pools) ? 3 : 0;
        test_max(&p, images, split, 0);
        test_max(&p, images, split, 1);
        test_sum(&p, images, split);
    }
    return finish("pooling");
}
