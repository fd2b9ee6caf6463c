#ifndef NB_CPU_H
#define NB_CPU_H
#include "nativebackprop.h"

/* The best level that the CPU has and the operating system saves the registers of. */
nb_isa nb_cpu_best_isa(void);

/* Whether a scalar unit may use the instruction for a multiply-add. */
int nb_cpu_has_fma(void);
/* The size of a core's second-level cache, or a usual one where the CPU does not say. */
size_t nb_cpu_cache_bytes(void);
#endif
