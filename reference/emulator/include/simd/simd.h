// The vector types that kernels share with host code.
#pragma once
#include <metal_stdlib>
