#ifndef _WIN32
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS */
#endif
#include "harness.h"

#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

static uint64_t passed, failed;

int check(int ok, const char *format, ...) {
    if (ok) {
        passed++;
        return ok;
    }
    if (failed++ < 20) {
        va_list args;
        va_start(args, format);
        printf("FAILED ");
        vprintf(format, args);
        printf("\n");
        va_end(args);
    }
    return ok;
}

int finish(const char *name) {
    printf("%s: %llu checks passed, %llu failed\n", name, (unsigned long long)passed, (unsigned long long)failed);
    return failed || !passed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A page of 64 KiB covers every page size in use. */
enum { GUARD = 1 << 16, SLOT_BYTES = SLOT_FLOATS * (int)sizeof(float) };

static unsigned char *reserve_slot(void) {
    size_t size = GUARD + SLOT_BYTES + GUARD;
#ifdef _WIN32
    unsigned char *p = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
    if (!p || !VirtualAlloc(p + GUARD, SLOT_BYTES, MEM_COMMIT, PAGE_READWRITE)) abort();
#else
    unsigned char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + GUARD, SLOT_BYTES, PROT_READ | PROT_WRITE)) abort();
#endif
    return p + GUARD;
}

float *guarded(int slot, size_t n, int place) {
    static unsigned char *slots[8];
    if (n > SLOT_FLOATS) abort();
    if (!slots[slot]) slots[slot] = reserve_slot();
    float *start = (float *)(void *)slots[slot];
    float *p = place == AT_START ? start : start + SLOT_FLOATS - n;
    for (size_t i = 0; i < n; i++) p[i] = -12345.678f;
    return p;
}

uint32_t random_bits(void) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    uint32_t x = (uint32_t)(state >> 32);
    return x ^ (x >> 15);
}

float random_in(float low, float high) { return low + (high - low) * (float)(random_bits() >> 8) * 0x1p-24f; }

void fill_random(float *x, size_t n, float low, float high) {
    for (size_t i = 0; i < n; i++) x[i] = random_in(low, high);
}

float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint32_t to_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

int same_bits(float a, float b) { return to_bits(a) == to_bits(b); }

double ulp_distance(float got, double exact) {
    if (is_nan((double)got) || is_nan((double)exact)) return is_nan((double)got) && is_nan((double)exact) ? 0.0 : HUGE_VAL;
    double largest = (double)FLT_MAX, edge = largest + 0x1p103;
    if (fabs(exact) >= edge || is_inf((double)got)) { /* the exact value rounds to infinity, or the result says so */
        if (is_inf((double)got) && fabs(exact) > largest) return (got < 0.0f) == (exact < 0.0) ? 0.0 : HUGE_VAL;
        return is_inf((double)got) || is_inf((double)exact) ? HUGE_VAL : fabs((double)got - exact) / 0x1p104;
    }
    int exponent;
    frexp(exact, &exponent);
    if (exponent < -125 || exact == 0.0) exponent = -125;
    return fabs((double)got - exact) / ldexp(1.0, exponent - 24);
}

int close_to(float got, double exact, double tolerance, double scale) {
    if (is_nan((double)got) || is_nan((double)exact)) return is_nan((double)got) && is_nan((double)exact);
    if (is_inf((double)got) || is_inf((double)exact)) return (double)got == (double)(float)exact;
    return fabs((double)got - exact) <= tolerance * (fabs(exact) + scale);
}

const char *const isa_names[3] = {"scalar", "avx2", "avx512"};
