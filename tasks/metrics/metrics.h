#pragma once

#include <atp/metric.h>

// Every score is a percentage; no rows, and what is undefined, give 0.
namespace atp::metrics {

// Classification. A row's target is its first reference; a prediction outside the label set is wrong in a way that each
// metric says.
std::shared_ptr<const Metric> accuracy();  // outside the label set: wrong
std::shared_ptr<const Metric> f1();  // of the second of two labels; outside the label set: the opposite of the target
std::shared_ptr<const Metric> macro_f1();  // mean over the label set, an absent class counts 0; outside it: no class
std::shared_ptr<const Metric> matthews();  // of any number of classes; outside the label set: a class of its own

// Free text. Equal to one of the references after SQuAD's normalisation.
std::shared_ptr<const Metric> exact_match();

}  // namespace atp::metrics
