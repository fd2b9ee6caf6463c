#define NB_TABLE nb_table_avx2
#define NB_ISA NB_ISA_AVX2
#include "simd_avx2.h"
#include "kernels.inl"
