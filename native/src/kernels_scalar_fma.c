/* The scalar kernels for a CPU that fuses: the same bits as those of kernels_scalar.c, sooner. */
#define NB_TABLE nb_table_scalar_fma
#define NB_ISA NB_ISA_SCALAR
#include "simd_scalar.h"
#include "kernels.inl"
