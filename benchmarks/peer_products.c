/* The matrix products of one training step by OpenBLAS and by oneDNN, for benchmarks/compare_products.
 *
 *   peer_products SECONDS THREADS M N K FORM [M N K FORM ...]       FORM: NN, NT (B as its transpose) or TN
 *
 * Prints a line a product: the best time of each library in microseconds, "inf" for one that is not there. The libraries are looked
 * for at run time, so neither's headers are needed. TN products add to their result, as a weight's update does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef void blas_gemm(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef int dnnl_gemm(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t, float, float *,
                      int64_t);

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112, HUGE_PAGE = 1 << 21, LEAST_CALLS = 5 };

static blas_gemm *blas;
static dnnl_gemm *dnnl;

static double microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

static float *numbers(size_t count) {
    size_t bytes = (count * sizeof(float) / HUGE_PAGE + 1) * HUGE_PAGE;
    float *x = aligned_alloc(HUGE_PAGE, bytes);
    if (!x) exit(1);
    madvise(x, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < count; i++) x[i] = (float)(i % 97) * 0.01f - 0.48f;
    return x;
}

static void load(int threads) {
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (library) {
        blas = (blas_gemm *)dlsym(library, "cblas_sgemm");
        void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
        if (set_threads) set_threads(threads);
    }
    static const char *const names[] = {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"};
    for (size_t i = 0; !dnnl && i < sizeof names / sizeof *names; i++)
        if ((library = dlopen(names[i], RTLD_NOW)) != NULL) dnnl = (dnnl_gemm *)dlsym(library, "dnnl_sgemm");
}

static void measure(int m, int n, int k, int ta, int tb, double seconds) {
    float *a = numbers((size_t)m * (size_t)k), *b = numbers((size_t)k * (size_t)n), *c = numbers((size_t)m * (size_t)n);
    const int lda = ta ? m : k, ldb = tb ? k : n;
    const float alpha = ta ? -1e-9f : 1.0f, beta = ta ? 1.0f : 0.0f;
    double best[2] = {INFINITY, INFINITY}, end = microseconds() + 1e6 * seconds;
    for (int call = 0; call < LEAST_CALLS || microseconds() < end; call++) {
        double start = microseconds();
        if (blas) {
            blas(ROW_MAJOR, ta ? TRANSPOSED : PLAIN, tb ? TRANSPOSED : PLAIN, m, n, k, alpha, a, lda, b, ldb, beta, c, n);
            best[0] = fmin(best[0], microseconds() - start);
        }
        start = microseconds();
        if (dnnl && dnnl(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, n) == 0)
            best[1] = fmin(best[1], microseconds() - start);
    }
    printf("%.3f %.3f\n", best[0], best[1]);
    free(a);
    free(b);
    free(c);
}

int main(int argc, char **argv) {
    if (argc < 7 || (argc - 3) % 4) {
        fprintf(stderr, "usage: peer_products SECONDS THREADS M N K FORM [M N K FORM ...]\n");
        return 2;
    }
    load(atoi(argv[2]));
    for (int i = 3; i < argc; i += 4)
        measure(atoi(argv[i]), atoi(argv[i + 1]), atoi(argv[i + 2]), argv[i + 3][0] == 'T', argv[i + 3][1] == 'T', atof(argv[1]));
    return 0;
}
