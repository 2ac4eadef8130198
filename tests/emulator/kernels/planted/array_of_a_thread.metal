// A thread's own array has one element fewer than the loop takes it for: it lies in registers.
// launch: grid 64, threadgroup 32
// buffers: values float[256], out float[64]
#include <metal_stdlib>
using namespace metal;

struct Window {
  float most;
  float kept[4];
};

kernel void planted(const device float* values [[buffer(0)]], device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  Window window = {0.0f, {}};
  for (uint k = 0; k < 4; ++k) window.kept[k] = values[i * 4 + k];
  for (uint k = 0; k <= 4; ++k) {
    window.most = max(window.most, window.kept[k]);  // finds: out-of-bounds index
  }
  const int before = int(i % 2) - 1;
  float pair[2] = {window.most, 1.0f};
  pair[before] += 1.0f;  // finds: out-of-bounds index
  out[i] = pair[0];
}

kernel void corrected(const device float* values [[buffer(0)]], device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  Window window = {0.0f, {}};
  for (uint k = 0; k < 4; ++k) window.kept[k] = values[i * 4 + k];
  for (uint k = 0; k < 4; ++k) {
    window.most = max(window.most, window.kept[k]);
  }
  const int before = int(i % 2);
  float pair[2] = {window.most, 1.0f};
  pair[before] += 1.0f;
  out[i] = pair[0];
}
