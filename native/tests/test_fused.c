/* The scalar kernels' own fused multiply-add, which CPUs without the instruction use, against the C library's. */
#include "harness.h"

#include "fused.h"

static void compare(float a, float b, float c) {
    float got = fused_in_double(a, b, c), exact = fmaf(a, b, c);
    check(is_nan((double)exact) ? is_nan((double)got) : same_bits(got, exact), "fma(%a, %a, %a): got %a, expected %a", (double)a,
          (double)b, (double)c, (double)got, (double)exact);
}

static const float special[] = {0.0f,     -0.0f,         1.0f,       -1.0f,     INFINITY,   -INFINITY,        NAN,
                                0x1p-149f, -0x1p-149f,    0x1p-126f,  -0x1p-126f, 0x1.fffffep-127f, 0x1.fffffep127f, -0x1.fffffep127f,
                                0x1p-75f,  0x1.fffffep0f, 0x1.000002p0f, 0x1p24f,   0x1p-24f,   0x1.8p-149f,      0x1p127f};

static void test_special(void) {
    for (size_t i = 0; i < COUNT(special); i++)
        for (size_t k = 0; k < COUNT(special); k++)
            for (size_t m = 0; m < COUNT(special); m++) compare(special[i], special[k], special[m]);
}

/* Exponents such that the product and c meet within some seventy bits of each other, from denormal results to overflow; few bits set,
 * so that sums fall on and beside the middle between two floats. */
static float sparse(int exponent) {
    uint32_t mantissa = random_bits() & random_bits() & 0x7fffff;
    if (random_bits() & 1) mantissa = 0x800000u - (mantissa & (0u - mantissa)) * (random_bits() & 3);
    return ldexpf(1.0f + (float)(mantissa & 0x7fffff) * 0x1p-23f, exponent) * (random_bits() & 1 ? 1.0f : -1.0f);
}

static void test_random(void) {
    for (int i = 0; i < 2000000; i++) compare(from_bits(random_bits()), from_bits(random_bits()), from_bits(random_bits()));
    for (int i = 0; i < 3000000; i++) {
        int a = (int)(random_bits() % 252) - 126, b = (int)(random_bits() % 252) - 126, c = a + b + (int)(random_bits() % 71) - 35;
        compare(sparse(a), sparse(b), sparse(c < -149 ? -149 : c > 127 ? 127 : c));
    }
    for (int i = 0; i < 2000000; i++) { /* denormal results */
        int a = (int)(random_bits() % 100) - 126, c = -127 - (int)(random_bits() % 23);
        compare(sparse(a), sparse(-140 - a - (int)(random_bits() % 30)), sparse(c));
    }
    for (int i = 0; i < 1000000; i++) compare(random_in(-4, 4), random_in(-4, 4), random_in(-4, 4));
}

int main(void) {
    test_special();
    test_random();
    return finish("fused");
}
