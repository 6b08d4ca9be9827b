#pragma once

// Stands before libtorch's own where the tree is compiled, as DeviceGuard.h does: every operator's header includes it
// and none uses it. What calls at::globalContext() includes ATen/WholeContext.h.
