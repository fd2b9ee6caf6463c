/* What every native test shares: counted checks, buffers between guard pages, random numbers, ULP distance, the loop over levels.
 */
#ifndef NB_HARNESS_H
#define NB_HARNESS_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "nativebackprop.h"

#ifdef __MINGW32__
#define NB_PRINTF gnu_printf /* with __USE_MINGW_ANSI_STDIO, so that %zu is known */
#else
#define NB_PRINTF printf
#endif

/* The first few failures are printed in full, all are counted. Returns ok. */
int check(int ok, const char *format, ...) __attribute__((format(NB_PRINTF, 2, 3)));
/* Prints the counts; the exit code of main. */
int finish(const char *name);

/* An n-float buffer between two pages that cannot be touched: it ends at the second one, or, with AT_START, starts after the
 * first. slot 0..7 names one of eight that exist at a time; what it held before is lost. Filled with a pattern that is no result.
 */
enum { AT_END = 0, AT_START = 1, SLOT_FLOATS = 1 << 18 };
float *guarded(int slot, size_t n, int place);

uint32_t random_bits(void);
float random_in(float low, float high);
void fill_random(float *x, size_t n, float low, float high);

float from_bits(uint32_t bits);
uint32_t to_bits(float x);
int same_bits(float a, float b);
/* The macros of math.h warn of conversions in some C libraries. */
static inline int is_nan(double x) { return x != x; }
static inline int is_inf(double x) { return fabs(x) == (double)INFINITY; }
/* The distance of got from the exact value in units of the last place of a float there; 0 if both are NaN, HUGE_VAL if one is. */
double ulp_distance(float got, double exact);
/* |got - exact| <= tolerance (|exact| + scale), and NaN only where it is due. */
int close_to(float got, double exact, double tolerance, double scale);

extern const char *const isa_names[3];
#define FOR_EACH_ISA(isa)                                                                                                        \
    for (nb_isa isa = NB_ISA_SCALAR; isa <= nb_best_isa(); isa = (nb_isa)(isa + 1))                                              \
        if (nb_set_isa(isa) == NB_OK)

#define COUNT(array) (sizeof(array) / sizeof *(array))
#endif
