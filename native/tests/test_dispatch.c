/* NBP_FORCE_ISA, nb_set_isa, the ABI version, and that no kernel leaves the floating-point modes changed. */
#ifndef _WIN32
#define _DEFAULT_SOURCE 1 /* setenv */
#endif
#include <stdlib.h>

#include "reference.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
enum { STATUS_FLAGS = 0x3f, FLUSH_AND_DENORMALS_ZERO = 0x8040, ROUND_UP = 0x4000 };
#endif

static void force(const char *value) {
#ifdef _WIN32
    _putenv_s("NBP_FORCE_ISA", value ? value : "");
#else
    if (value)
        setenv("NBP_FORCE_ISA", value, 1);
    else
        unsetenv("NBP_FORCE_ISA");
#endif
}

static void test_dispatch(void) {
    check(nb_abi_version() == NB_ABI_VERSION, "ABI version %d", (int)nb_abi_version());
    check(nb_active_isa() == NB_ISA_SCALAR, "scalar before nb_initialize");
    force(NULL);
    check(nb_initialize() == NB_OK && nb_active_isa() == nb_best_isa(), "the best level when nothing is forced");
    check(nb_initialize() == NB_OK && nb_active_isa() == nb_best_isa(), "initialising again changes nothing");
    force("");
    check(nb_initialize() == NB_OK && nb_active_isa() == nb_best_isa(), "an empty variable forces nothing");
    for (int i = NB_ISA_SCALAR; i <= NB_ISA_AVX512; i++) {
        int supported = i <= (int)nb_best_isa();
        force(isa_names[i]);
        check(nb_initialize() == (supported ? NB_OK : NB_ERROR_UNSUPPORTED_ISA), "status of forced %s", isa_names[i]);
        check((int)nb_active_isa() == (supported ? i : NB_ISA_SCALAR), "level after forced %s", isa_names[i]);
        check(nb_set_isa((nb_isa)i) == (supported ? NB_OK : NB_ERROR_UNSUPPORTED_ISA), "nb_set_isa(%s)", isa_names[i]);
    }
    static const char *const unknown[] = {"sse9", "AVX2", "avx", "avx2 ", "0"};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        nb_set_isa(nb_best_isa());
        force(unknown[i]);
        check(nb_initialize() == NB_ERROR_UNKNOWN_ISA && nb_active_isa() == NB_ISA_SCALAR, "forced '%s'", unknown[i]);
    }
    force(NULL);
    check(nb_set_isa((nb_isa)3) == NB_ERROR_UNKNOWN_ISA && nb_active_isa() == NB_ISA_SCALAR, "nb_set_isa(3)");
}

/* The count, and the sum that nothing may be left out of: each of the chains is x -> 0.999 x + 0.001 from its own start. */
static void test_peak(void) {
    static const int lanes[] = {1, 8, 16};
    float sum = 7.0f;
    for (int isa = NB_ISA_SCALAR; isa <= NB_ISA_AVX512; isa++) {
        int supported = isa <= (int)nb_best_isa();
        for (int rounds = 0; rounds <= 1000; rounds += 250) {
            double exact = 0.0;
            for (int i = 0; i < 14; i++) {
                double x = 1.0 + 0.25 * i;
                for (int k = 0; k < rounds; k++) x = (double)0.999f * x + (double)0.001f;
                exact += supported ? lanes[isa] * x : 0.0;
            }
            int64_t operations = nb_multiply_add_peak((nb_isa)isa, rounds, &sum);
            check(operations == (supported ? (int64_t)rounds * 2 * 14 * lanes[isa] : 0), "operations of %d rounds of %s: %lld",
                  rounds, isa_names[isa], (long long)operations);
            check(close_to(sum, exact, 1e-4, 0.0), "sum of %d rounds of %s: %g, expected %g", rounds, isa_names[isa], (double)sum,
                  exact);
        }
    }
    check(nb_multiply_add_peak((nb_isa)3, 10, &sum) == 0 && sum == 0.0f, "an unknown level does nothing");
    check(nb_multiply_add_peak(NB_ISA_SCALAR, -1, &sum) == 0, "fewer than no rounds are none");
}

/* Sums that overflow and that lose bits, of operands in all forms. */
static void run_products(void) {
    enum { M = 9, SIDE = 37, PACKED = 64 * SIDE };
    static float a[M * SIDE], b[SIDE * SIDE], c[M * SIDE], packed[PACKED], workspace[16 * SIDE + PACKED];
    fill_random(a, M * SIDE, -1e20f, 1e20f);
    fill_random(b, SIDE * SIDE, -1e20f, 1e20f);
    for (int form = 0; form < 6; form++) {
        nb_product p = {.m = M, .n = SIDE, .k = SIDE, .alpha = 1e-30f, .beta = 1, .a_form = (nb_operand)(form / 3),
                        .b_form = (nb_operand)(form % 3), .a = a, .lda = form < 3 ? SIDE : M, .b = b, .ldb = SIDE, .c = c, .ldc = SIDE};
        if (p.b_form == NB_OPERAND_PACKED) {
            p.b_form = NB_OPERAND_PLAIN;
            nb_product_pack_f32(&p, 0, p.n, packed);
            p.b_form = NB_OPERAND_PACKED;
            p.b = packed;
        }
        check(nb_product_workspace_f32(&p) <= sizeof workspace / sizeof *workspace, "workspace of a product");
        check(nb_product_run_f32(&p, 0, M, 0, SIDE, workspace) == NB_OK, "product");
    }
}

static void run_everything(void) {
    enum { N = 67 };
    static float x[N], y[N], a[N], b[N], w[N];
    static const int32_t labels[1] = {3};
    static const float dl[1] = {1};
    for (size_t i = 0; i < N; i++) x[i] = random_in(-20, 20);
    x[0] = 1e6f;
    x[1] = -100.0f;
    for (size_t i = 0; i < activation_count; i++) {
        activations[i].forward(x, x, 1, N, N, 1.5f, y);
        activations[i].backward(x, y, 1, N, N, 1.5f, a, b);
    }
    nb_softmax_cross_entropy_f32(x, labels, dl, 1, N, a, y);
    nb_softmax_cross_entropy_dense_f32(x, x, dl, 1, N, a, y);
    nb_squared_error_f32(x, x, dl, 1, N, a, y);
    nb_sigmoid_cross_entropy_f32(x, x, dl, 1, N, a, y);
    nb_multiply_add_peak(nb_active_isa(), 3, a);
    nb_softmax_f32(x, 1, N, y);
    nb_log_sum_exp_f32(x, 1, N, y);
    nb_divide_f32(x, 1, x, 1, N, y);
    nb_sum_f32(x, 1, N, 1, 1, y);
    nb_max_f32(x, 1, N, 1, 1, y);
    nb_transpose_f32(x, 1, N, N, y, 1);
    run_products();
    for (size_t i = 0; i < N; i++) a[i] = b[i] = 0.1f;
    nb_adam_update_f32(x, N, 1e-3f, 0.9f, 0.999f, 1e-8f, 0, 0, 0.1f, 0.001f, a, b, w);
}

#if defined(__x86_64__)
static void test_modes(void) {
    unsigned original = _mm_getcsr();
    const unsigned modes[] = {original, original | FLUSH_AND_DENORMALS_ZERO, original | ROUND_UP};
    FOR_EACH_ISA(isa) {
        for (size_t i = 0; i < COUNT(modes); i++) {
            _mm_setcsr(modes[i]);
            run_everything();
            unsigned after = _mm_getcsr();
            _mm_setcsr(original);
            check((after | STATUS_FLAGS) == (modes[i] | STATUS_FLAGS), "MXCSR %x became %x, %s", modes[i], after, isa_names[isa]);
        }
    }
}
#else
#include <fenv.h>
static void test_modes(void) {
    FOR_EACH_ISA(isa) {
        int before = fegetround();
        run_everything();
        check(fegetround() == before, "rounding mode changed, %s", isa_names[isa]);
    }
}
#endif

int main(void) {
    test_dispatch();
    test_modes();
    test_peak();
    return finish("dispatch");
}
