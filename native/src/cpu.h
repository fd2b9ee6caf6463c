#ifndef NB_CPU_H
#define NB_CPU_H
#include "nativebackprop.h"

/* The best level that the CPU has and the operating system saves the registers of. */
nb_isa nb_cpu_best_isa(void);
#endif
