#pragma once

// Stands before libtorch's own where the tree is compiled. The header of every operator includes it, none uses it, and
// the types of IValue behind it are a third of the time that a source with an operator takes. What needs them, such as
// at::cat (at::concat does not), includes ATen/core/IListRef.h itself.
