#define NB_TABLE nb_table_avx512
#define NB_ISA NB_ISA_AVX512
#include "simd_avx512.h"
#include "kernels.inl"
