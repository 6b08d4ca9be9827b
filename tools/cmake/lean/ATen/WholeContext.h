#pragma once

#include_next <ATen/Context.h>  // libtorch's own, behind the nearly empty one beside this file
