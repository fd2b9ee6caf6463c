#define NB_TABLE nb_table_scalar
#define NB_ISA NB_ISA_SCALAR
#include "simd_scalar.h"
#include "kernels.inl"
