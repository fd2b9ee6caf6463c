/* Errors in ULP over the float range: every stride-th bit pattern, or, with --full [name], every one. The bounds are those of
 * nativebackprop.h. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "reference.h"

typedef struct bound {
    const char *name;
    float low, high; /* the arguments that the bound is for */
    double ulp;
    double smallest; /* results below it are not judged (0: all, denormals too) */
} bound;

static const bound bounds[] = {
    {"exp", -INFINITY, INFINITY, 2.0, 0.0},
    {"log", 0.0f, INFINITY, 2.0, 0.0},
    {"tanh", -INFINITY, INFINITY, 3.0, 0.0},
    {"sigmoid", -INFINITY, INFINITY, 3.0, 0.0},
    {"sin", -1e4f, 1e4f, 2.0, 0.0},
    {"cos", -1e4f, 1e4f, 2.0, 0.0},
    {"sin", 1e4f, INFINITY, 1.0, 0.0},
    {"cos", 1e4f, INFINITY, 1.0, 0.0},
    {"softplus", -INFINITY, INFINITY, 2.0, FLT_MIN},
    {"elu", -INFINITY, INFINITY, 2.0, 0.0},
    {"silu", -87.0f, INFINITY, 3.0, FLT_MIN},
    {"gelu", -1.0f, INFINITY, 4.0, FLT_MIN},
    {"gelu", -13.0f, -1.0f, 10.0, FLT_MIN},
    {"gelu_tanh", -1.0f, INFINITY, 3.0, FLT_MIN},
    {"gelu_tanh", -10.0f, -1.0f, 256.0, FLT_MIN},
};

enum { BLOCK = 4096 };

static void sweep(const bound *k, uint64_t stride) {
    static float x[BLOCK], y[BLOCK];
    static double exact[BLOCK];
    const activation *a = find_activation(k->name);
    const reference *ref = find_reference(k->name);
    double worst[3] = {0};
    float where[3] = {0};
    uint64_t points = 0;
    for (uint64_t u = 0; u < UINT64_C(1) << 32;) {
        size_t n = 0;
        for (; n < BLOCK && u < UINT64_C(1) << 32; u += stride) {
            float v = from_bits((uint32_t)u);
            if (v >= k->low && v <= k->high) x[n++] = v;
        }
        for (size_t i = 0; i < n; i++) exact[i] = ref->f((double)x[i], 1.0);
        points += n;
        FOR_EACH_ISA(isa) {
            a->forward(x, NULL, 1, n, n, 1.0f, y);
            for (size_t i = 0; i < n; i++) {
                if (fabs(exact[i]) < k->smallest) continue;
                double distance = ulp_distance(y[i], exact[i]);
                if (distance > worst[isa]) {
                    worst[isa] = distance;
                    where[isa] = x[i];
                }
            }
        }
    }
    FOR_EACH_ISA(isa) {
        printf("%-10s [%g, %g] %-7s %8.3f ULP at %.9g\n", k->name, (double)k->low, (double)k->high, isa_names[isa], worst[isa],
               (double)where[isa]);
        check(worst[isa] <= k->ulp && points > 0, "%s %s: %.3f ULP at %.9g, bound %g", k->name, isa_names[isa], worst[isa],
              (double)where[isa], k->ulp);
    }
}

/* Powers have a second argument: fewer bases for each of several, negative ones and those that are not finite included, against C's
 * pow, whose special cases they share. */
static void sweep_power(float p, uint64_t stride) {
    static const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f, 0x1.fffffep127f};
    static float x[BLOCK], y[BLOCK];
    for (uint64_t u = 0; u < UINT64_C(1) << 32;) {
        size_t n = 0;
        for (; u == 0 && n < COUNT(special); n++) x[n] = special[n];
        for (; n < BLOCK && u < UINT64_C(1) << 32; u += stride) x[n++] = from_bits((uint32_t)u);
        FOR_EACH_ISA(isa) {
            nb_power_forward_f32(x, NULL, 1, n, n, p, y);
            for (size_t i = 0; i < n; i++) {
                double exact = pow((double)x[i], (double)p);
                check(ulp_distance(y[i], exact) <= 0.51 && (exact != 0.0 || same_bits(y[i], (float)exact)),
                      "power %s: %a to the %g is %a, expected %a", isa_names[isa], (double)x[i], (double)p, (double)y[i], exact);
            }
        }
    }
}

int main(int argc, char **argv) {
    uint64_t stride = argc > 1 && !strcmp(argv[1], "--full") ? 1 : 1021;
    for (size_t i = 0; i < COUNT(bounds); i++)
        if (argc <= 2 || !strcmp(argv[2], bounds[i].name)) sweep(&bounds[i], stride);
    static const float exponents[] = {2.5f, -1.7f, 0.3f, 7.0f, -5.0f, 1e-3f, 100.0f, -33.0f, 1e6f, 0x1p24f, 3e38f,
                                      INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < COUNT(exponents); i++)
        if (argc <= 2 || !strcmp(argv[2], "power")) sweep_power(exponents[i], stride * 31);
    return finish("accuracy");
}
