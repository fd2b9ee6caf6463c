/* Every kernel, over the vector functions that the including unit has chosen, and the table of them. */
#include "cpu.h"
#include "table.h"

#include "lanes.h"
#include "double_lanes.inl"
#include "math.inl"
#include "activations.inl"
#include "binary.inl"
#include "reductions.inl"
#include "pooling.inl"
#include "norms.inl"
#include "losses.inl"
#include "optimizers.inl"
#include "recurrence.inl"
#include "peak.inl"
#include "product.inl"
#include "product_channels.inl"

const nb_table NB_TABLE = {
    .isa = NB_ISA,
    .multiply_add_peak = multiply_add_peak,
    .product_run = product_run,
    .product_run_channels = product_run_channels,
    .product_workspace = product_workspace,
    .product_pack = product_pack,
#define X(name, operand, p) .name##_forward = name##_forward, .name##_backward = name##_backward,
#include "activations.def"
#undef X
#define X(name) .name = name,
#include "binary.def"
#undef X
#define X(name, params, args) .name = k_##name,
#include "kernels.def"
#undef X
};
