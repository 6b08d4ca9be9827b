#pragma once

#include <atp/task.h>

// GLUE (Wang et al. 2019), from the files that gluebenchmark.com distributes, with T5's templates.
namespace atp::glue {

TextTask cola();
TextTask sst2();
TextTask mrpc();
TextTask stsb(const Params& params);
TextTask qqp();
TextTask mnli();
TextTask qnli();
TextTask rte();
TextTask wnli();

}  // namespace atp::glue
