#pragma once

#include <atp/task.h>

// SuperGLUE (Wang et al. 2019), from the files that super.gluebenchmark.com distributes, with T5's templates. A task's
// prefix is the name that T5's authors gave it: "superglue-boolq".
namespace atp::superglue {

// The files of a folder: train.jsonl and val.jsonl, alone or in the archive of the whole of SuperGLUE.
Files folder(const std::string& name);

TextTask boolq();
TextTask cb();
Offer<TextTask> copa();  // it has an option
TextTask multirc();
TextTask record();
TextTask rte();
TextTask wic();
TextTask wsc();

}  // namespace atp::superglue
